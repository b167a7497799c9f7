"""Results of an examination."""

from dataclasses import dataclass
from typing import Literal

from voicemode.errors import NO_REMEDY, Remedy, VoiceModeError

Mark = Literal["ok", "attention", "broken"]
"""In order: all is well; talking works, but something is missing or odd; talking fails until this is fixed."""


@dataclass(frozen=True, slots=True)
class Check:
    """Result of one check. A check that is not ok has a remedy."""

    area: str
    name: str
    detail: str
    remedy: Remedy = NO_REMEDY
    mark: Mark = "ok"


def failed(area: str, name: str, error: VoiceModeError, mark: Mark = "broken") -> Check:
    return Check(area, name, error.message, remedy_here(error), mark)


def remedy_here(error: VoiceModeError) -> Remedy:
    """Return the remedy of `error`, without advice to run `voicemode doctor`, which is running now."""
    hint = Remedy(error.hint.text) if error.hint.command == "voicemode doctor" else error.hint
    return hint or Remedy("Look into voicemode.log in the folder logs of VoiceMode's base directory.")
