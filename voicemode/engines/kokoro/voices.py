"""Kokoro's voices: names, mixes, and aliases for OpenAI's voices. Pure."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from voicemode.errors import VoiceModeError
from voicemode.models.manifests import MODELS

BRITISH = "b"
ENGLISH = ("a", BRITISH)
"""First letters of English voices. All text is pronounced as English, so other voices are not offered."""

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
"""Voices that requests can name, besides mixes and aliases."""
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
"""OpenAI's voice -> the Kokoro voice nearest in name or character."""

MOST_PARTS = 8
_PART = re.compile(r"(?P<name>\w+)(?:\((?P<weight>\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})\))?", re.ASCII)


class UnknownVoiceError(VoiceModeError):
    """No such voice or mix is available."""


@dataclass(frozen=True, slots=True)
class VoiceShare:
    """One voice of a mix."""

    name: str
    weight: float


@dataclass(frozen=True, slots=True)
class Mix:
    """One voice, or a weighted mix of several."""

    parts: tuple[VoiceShare, ...]

    @property
    def british(self) -> bool:
        """True if the first voice is British; it decides the pronunciation."""
        return self.parts[0].name.startswith(BRITISH)


def parse_voice(text: str) -> Mix:
    """Parse `af_sky`, `nova`, `af_sky+af_bella` or `af_sky(2)+af_bella(1)`; empty is DEFAULT. Raises UnknownVoiceError."""
    found = [_PART.fullmatch(part.strip()) for part in (text.strip().lower() or DEFAULT).split("+")]
    parts = tuple(VoiceShare(known(match["name"]), float(match["weight"] or 1)) for match in found if match)
    if len(parts) < len(found) or len(parts) > MOST_PARTS or not sum(part.weight for part in parts):
        raise UnknownVoiceError(
            f"{text[:80]!r} is neither a voice nor a mix.", hint="A mix is written af_sky+af_bella or af_sky(2)+af_bella(1)."
        )
    return Mix(parts)


def known(name: str) -> str:
    """Return the voice that `name` stands for. Raises UnknownVoiceError with similar names."""
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
