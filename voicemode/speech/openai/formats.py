"""In which format sound travels: the best that both sides have."""

from collections.abc import Sequence

from voicemode.audio.codec import CONTENT_TYPES
from voicemode.speech.base import Kind

PLAIN = ("pcm", "wav")
"""Formats that need no codec."""
PCM_RATE = 24_000
"""Samples per second of raw PCM from a server that does not say."""

_HERE: dict[Kind, tuple[str, ...]] = {
    "tts": ("pcm", "wav", "flac", "opus", "mp3", "aac"),
    "stt": ("wav", "flac", "mp3", "opus"),
}
_AFAR: dict[Kind, tuple[str, ...]] = {
    "tts": ("opus", "mp3", "aac", "flac", "pcm", "wav"),
    # Whatever a lossy codec takes away, an engine cannot hear.
    "stt": ("flac", "wav", "opus", "mp3"),
}
_SPELLINGS = {mime: name for name, mime in CONTENT_TYPES.items()}
_SPELLINGS |= {"audio/mp3": "mp3", "audio/x-wav": "wav", "audio/wave": "wav", "audio/vnd.wave": "wav", "audio/opus": "opus"}
_SPELLINGS |= {"audio/x-flac": "flac", "audio/aacp": "aac", "audio/l16": "pcm", "audio/raw": "pcm"}


def candidates(kind: Kind, setting: str, *, local: bool, codecs: bool) -> tuple[str, ...]:
    """Formats to try with an endpoint, best first.

    Args:
        kind: What the sound is for.
        setting: A format that the person wants tried first, or "auto".
        local: Whether the endpoint is on this machine, where sound need not be small.
        codecs: Whether formats other than PLAIN can be read and written here.
    """
    order = (_HERE if local else _AFAR)[kind]
    usable = [name for name in order if (codecs or name in PLAIN) and name != setting]
    return tuple(usable if setting == "auto" else [setting, *usable])


def sound_type(content_type: str) -> tuple[str, int]:
    """Format and, for PCM, rate that an HTTP Content-Type says; the format is empty if it says none that is known."""
    mime, _, parameters = content_type.lower().partition(";")
    rate = parameters.partition("rate=")[2].partition(";")[0].strip()
    return _SPELLINGS.get(mime.strip(), ""), int(rate) if rate.isdecimal() and int(rate) else PCM_RATE


class Formats:
    """The formats to try with one endpoint; what has worked is tried first."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    @property
    def best(self) -> str:
        return self._names[0]

    def in_order(self) -> tuple[str, ...]:
        return self._names

    def remember(self, name: str) -> None:
        """`name` has worked."""
        self._names = (name, *(other for other in self._names if other != name))
