"""Choice of the Whisper model for a machine, with the reason and the speed of each model. Pure, except `chosen`."""

from dataclasses import dataclass
from typing import Literal

from voicemode.config import Settings
from voicemode.models.hardware import MOST_THREADS, Hardware, look
from voicemode.models.manifests import Model
from voicemode.progress import size_text

Speed = Literal["fastest", "fast", "medium", "slow"]

CARD_BYTES = 4e9
"""Least memory of a card: large-v3-turbo takes up to 2.5 GB, and other programs need some too."""
SMALL_CPUS = 8
SMALL_MEMORY_BYTES = 7.5e9
"""Least memory for small: a machine sold with 8 GB has slightly less available."""
BASE_MEMORY_BYTES = 0.9e9

BASE_SECONDS = 0.35
"""Time Whisper base takes for an utterance of 3 s on one core, as measured (bench/)."""
GPU_CORES = 40
"""CPU cores that an NVIDIA card is equivalent to, a conservative guess."""
FASTEST_SECONDS, FAST_SECONDS, MEDIUM_SECONDS = 0.15, 0.5, 1.5
"""Upper limits of the response time for such an utterance; anything longer is slow."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model, by its name in the settings, and the reason for it as a clause."""

    model: str
    reason: str


def chosen(settings: Settings) -> Choice:
    """Return the Whisper model for these settings on this machine. Blocks: `auto` looks at the hardware."""
    return _named(settings) or choose_whisper_model(look(), settings.language)


def whisper_choice(settings: Settings, hardware: Hardware) -> Choice:
    """Return the Whisper model for these settings on `hardware`."""
    return _named(settings) or choose_whisper_model(hardware, settings.language)


def choose_whisper_model(hardware: Hardware, language: str = "") -> Choice:
    """Return the best Whisper model that still responds at once on `hardware`.

    Args:
        hardware: Hardware to choose a model for.
        language: ISO 639-1 code of the language that will be spoken; empty if unknown.
    """
    if uses_card(hardware):
        return Choice("large-v3-turbo", f"the NVIDIA card has {size_text(hardware.gpu_bytes)} of memory")
    unused = _unused_card(hardware)
    machine = f"{_count(hardware.cpus, 'processor')} and {size_text(hardware.memory_bytes)} of memory"
    if hardware.cpus >= SMALL_CPUS and hardware.memory_bytes >= SMALL_MEMORY_BYTES:
        return Choice("small", f"{machine} keep up with it{unused}")
    if hardware.cpus >= 2 and hardware.memory_bytes >= BASE_MEMORY_BYTES:
        return Choice("base", f"{machine} keep up with it, and not with small{unused}")
    tiny = "tiny.en" if language in {"", "en"} else "tiny"
    return Choice(tiny, f"{machine} keep up with nothing larger{unused}")


def uses_card(hardware: Hardware) -> bool:
    """True if Whisper should run on the NVIDIA card."""
    return hardware.cuda and hardware.gpu_bytes >= CARD_BYTES


def speed(model: Model, hardware: Hardware) -> Speed | Literal[""]:
    """Estimate the speed of `model` on `hardware`; empty for a model other than Whisper."""
    if not model.work:
        return ""
    cores = GPU_CORES if uses_card(hardware) else min(MOST_THREADS, hardware.cores)
    seconds = BASE_SECONDS * model.work / cores
    if seconds <= FASTEST_SECONDS:
        return "fastest"
    if seconds <= FAST_SECONDS:
        return "fast"
    return "medium" if seconds <= MEDIUM_SECONDS else "slow"


def _named(settings: Settings) -> Choice | None:
    """Return the model that the settings name, if any."""
    auto = settings.whisper_model == "auto"
    return None if auto else Choice(settings.whisper_model, "VOICEMODE_WHISPER_MODEL names it")


def _unused_card(hardware: Hardware) -> str:
    if not hardware.gpu_bytes:
        return ""
    if not hardware.cuda:
        return "; the NVIDIA card is not used: CUDA 12's cuBLAS and cuDNN 9 are not installed"
    return f"; the NVIDIA card has too little memory ({size_text(hardware.gpu_bytes)})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
