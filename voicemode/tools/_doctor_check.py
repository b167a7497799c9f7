"""Results of an examination."""

from dataclasses import dataclass

from voicemode.errors import VoiceModeError


@dataclass(frozen=True, slots=True)
class Check:
    area: str
    name: str
    detail: str
    remedy: str = ""
    ok: bool = True
    """False if one cannot talk until it is mended."""


def failed(area: str, name: str, error: VoiceModeError) -> Check:
    return Check(area, name, error.message, error.hint, ok=False)
