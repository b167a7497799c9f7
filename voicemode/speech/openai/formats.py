"""Audio formats to exchange with an endpoint: the best that both sides support."""

from collections.abc import Sequence

from voicemode.audio.codec import CONTENT_TYPES
from voicemode.speech.base import Kind

PLAIN = ("pcm", "wav")
"""Formats that need no codec."""
PCM_RATE = 24_000
"""Sample rate of raw PCM from a server that does not declare it, in Hz."""

_HERE: dict[Kind, tuple[str, ...]] = {
    "tts": ("pcm", "wav", "flac", "opus", "mp3", "aac"),
    "stt": ("wav", "flac", "mp3", "opus"),
}
_AFAR: dict[Kind, tuple[str, ...]] = {
    "tts": ("opus", "mp3", "aac", "flac", "pcm", "wav"),
    # An engine cannot recognise the details that a lossy codec removes.
    "stt": ("flac", "wav", "opus", "mp3"),
}
_SPELLINGS = {mime: name for name, mime in CONTENT_TYPES.items()}
_SPELLINGS |= {"audio/mp3": "mp3", "audio/x-wav": "wav", "audio/wave": "wav", "audio/vnd.wave": "wav", "audio/opus": "opus"}
_SPELLINGS |= {"audio/x-flac": "flac", "audio/aacp": "aac", "audio/l16": "pcm", "audio/raw": "pcm"}


def candidates(kind: Kind, setting: str, *, local: bool, codecs: bool) -> tuple[str, ...]:
    """Return the formats to try with an endpoint, best first.

    Args:
        kind: Job that the audio is for.
        setting: Format to try first, or "auto".
        local: True if the endpoint is on this machine, where audio need not be small.
        codecs: True if formats other than PLAIN can be decoded and encoded here.
    """
    order = (_HERE if local else _AFAR)[kind]
    usable = [name for name in order if (codecs or name in PLAIN) and name != setting]
    return tuple(usable if setting == "auto" else [setting, *usable])


def sound_type(content_type: str) -> tuple[str, int]:
    """Return the format and, for PCM, the sample rate of an HTTP Content-Type; the format is empty if unknown."""
    mime, _, parameters = content_type.lower().partition(";")
    rate = parameters.partition("rate=")[2].partition(";")[0].strip()
    return _SPELLINGS.get(mime.strip(), ""), int(rate) if rate.isdecimal() and int(rate) else PCM_RATE


class Formats:
    """The formats to try with one endpoint; one that has worked comes first."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    @property
    def best(self) -> str:
        return self._names[0]

    def in_order(self) -> tuple[str, ...]:
        return self._names

    def remember(self, name: str) -> None:
        """Move `name`, which has worked, to the front."""
        self._names = (name, *(other for other in self._names if other != name))
