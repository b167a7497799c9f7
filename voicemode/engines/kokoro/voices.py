"""Kokoro's voices: their names, mixes of them, and the names that clients of OpenAI send. Pure."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from voicemode.errors import VoiceModeError
from voicemode.models.manifests import MODELS

BRITISH = "b"
ENGLISH = ("a", BRITISH)
"""First letters of voices that speak English. Whatever comes in is pronounced as English, so others are not offered."""

LANGUAGES: Mapping[str, str] = MappingProxyType(
    {
        "e": "Spanish",
        "f": "French",
        "h": "Hindi",
        "i": "Italian",
        "j": "Japanese",
        "p": "Portuguese",
        "z": "Chinese",
    }
)
ALL = tuple(file.name.removesuffix(".bin") for file in MODELS["kokoro-voices"].files)
NAMES = tuple(name for name in ALL if name.startswith(ENGLISH))
"""What can be asked for, mixes and aliases aside."""
DEFAULT = "af_sky"
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "alloy": "af_alloy",
        "ash": "am_michael",
        "ballad": "bm_george",
        "cedar": "am_fenrir",
        "coral": "af_bella",
        "echo": "am_echo",
        "fable": "bm_fable",
        "marin": "af_heart",
        "nova": "af_nova",
        "onyx": "am_onyx",
        "sage": "af_sarah",
        "shimmer": "af_aoede",
        "verse": "am_puck",
    }
)
"""OpenAI's voices -> the one here that is nearest in name or character."""

MOST_PARTS = 8
_PART = re.compile(r"(?P<name>\w+)(?:\((?P<weight>\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})\))?", re.ASCII)


class UnknownVoiceError(VoiceModeError):
    """There is no such voice here."""


@dataclass(frozen=True, slots=True)
class VoiceShare:
    """One voice of a mix."""

    name: str
    weight: float


@dataclass(frozen=True, slots=True)
class Mix:
    """Who speaks: one voice or several at once."""

    parts: tuple[VoiceShare, ...]

    @property
    def british(self) -> bool:
        """True if the first voice is British; it decides the pronunciation."""
        return self.parts[0].name.startswith(BRITISH)


def parse_voice(text: str) -> Mix:
    """`af_sky`, `nova`, `af_sky+af_bella`, `af_sky(2)+af_bella(1)`; empty is the default. Raises UnknownVoiceError."""
    found = [_PART.fullmatch(part.strip()) for part in (text.strip().lower() or DEFAULT).split("+")]
    parts = tuple(VoiceShare(known(match["name"]), float(match["weight"] or 1)) for match in found if match)
    if len(parts) < len(found) or len(parts) > MOST_PARTS or not sum(part.weight for part in parts):
        raise UnknownVoiceError(
            f"{text[:80]!r} is neither a voice nor a mix.", hint="A mix is written af_sky+af_bella or af_sky(2)+af_bella(1)."
        )
    return Mix(parts)


def known(name: str) -> str:
    """The name of the voice that `name` stands for. Raises UnknownVoiceError with what comes near."""
    voice = ALIASES.get(name, name)
    if voice in NAMES:
        return voice
    if voice in ALL:
        raise UnknownVoiceError(
            f"The voice {name!r} speaks {LANGUAGES[name[0]]}, but only English can be pronounced here.",
            hint=f"English voices: {', '.join(NAMES)}.",
        )
    near = difflib.get_close_matches(name, [*NAMES, *ALIASES], n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(NAMES)}."
    raise UnknownVoiceError(f"There is no voice {name[:80]!r}.", hint=f"{hint} GET /v1/audio/voices lists them.")
