"""Whisper on CTranslate2. Imports numpy and CTranslate2: import this module only where an engine is loaded."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import ctranslate2

from voicemode.audio.frames import Frame
from voicemode.audio.turns.log_mel import mel_filters
from voicemode.engines.whisper.reader import LEAST_SECONDS, Reader, Weights, nothing
from voicemode.engines.whisper.split import Stretch, stretches
from voicemode.engines.whisper.transcript import Options, Segment
from voicemode.engines.whisper.vocabulary import Vocabulary
from voicemode.errors import WeightsError

log = logging.getLogger(__name__)


def load_whisper(
    model_dir: Path, name: str, threads: int, *, least_seconds: float = LEAST_SECONDS, card: bool = False
) -> "WhisperEngine":
    """Load the weights in `model_dir` (CTranslate2 format). Takes a second. Raises WeightsError.

    Args:
        model_dir: Where they are.
        name: What they are called.
        threads: How many the processors work with.
        least_seconds: The shortest window that is encoded.
        card: Whether an NVIDIA card is to be used. Where it turns out not to work, the processors are.
    """

    def load(**device: Any) -> WhisperEngine:
        model = ctranslate2.models.Whisper(str(model_dir), **device)
        return WhisperEngine(name, model, Vocabulary(model_dir / "tokenizer.json"), least_seconds)

    try:
        if card and (engine := on_card(load)):
            return engine
        return load(device="cpu", compute_type="int8", intra_threads=threads, inter_threads=2)
    except Exception as error:  # those of ctranslate2 and tokenizers have no base class in common
        raise WeightsError(
            f"Whisper {name} cannot be loaded from {model_dir}: {error}", hint="Delete that folder to fetch it again."
        ) from error


def on_card(load: Callable[..., "WhisperEngine"]) -> "WhisperEngine | None":
    """The engine on an NVIDIA card; None if there is none, or it cannot be used."""
    if not ctranslate2.get_cuda_device_count():
        return None
    try:
        engine = load(device="cuda", compute_type="int8_float16")
        # Some of CUDA's libraries are only loaded by the first transcription.
        engine.warm_up()
    except (RuntimeError, ValueError) as error:  # a card that cannot reckon in int8_float16 is a ValueError
        log.warning("The NVIDIA card cannot be used, so the processors are: %s", error)
        return None
    return engine


class WhisperEngine:
    """Recordings in, text out. The engine keeps nothing of it; two can be transcribed side by side."""

    def __init__(self, name: str, model: Any, vocabulary: Vocabulary, least_seconds: float = LEAST_SECONDS) -> None:
        self.name = name
        self._weights = Weights(model, vocabulary, mel_filters(model.n_mels), least_seconds)

    def warm_up(self) -> None:
        """Make the first real transcription as fast as the others."""
        for _ in Reader(self._weights, Options(language="en"), threading.Event(), nothing).read(Stretch(bytes(32_000), 0.0)):
            pass

    def transcribe(
        self,
        frames: Iterable[Frame],
        options: Options,
        cancelled: threading.Event | None = None,
        give_way: Callable[[], None] = nothing,
    ) -> Iterator[Segment]:
        """Segments of `frames` (16 kHz), as they are recognised; nothing for silence and noise.

        Stops early once `cancelled` is set. `give_way` is called before each step, once there is more than one stretch.
        """
        cancelled = cancelled or threading.Event()
        reader = Reader(self._weights, options, cancelled, give_way)
        for stretch in stretches(frames):
            if cancelled.is_set():
                return
            if any(stretch.pcm):
                yield from reader.read(stretch)
