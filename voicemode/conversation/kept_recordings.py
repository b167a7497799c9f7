"""Recordings of turns that were not transcribed: nobody asked to keep them, so they are bounded in number and age. Blocks."""

import logging
import time
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

YOUNG_SECONDS = 3600.0
"""The turn of a recording that was written to so lately may still go on."""
DAY_SECONDS = 86_400.0


def kept_recordings(folder: Path) -> list[Path]:
    """Those in `folder`, the oldest first: names have the time. What was asked for is called saved-…"""
    return sorted(folder.glob("turn-*.wav"))


def prune(folder: Path, most: int, days: float) -> None:
    """Delete all that are older than so many `days`, and the oldest of more than `most`."""
    found = kept_recordings(folder)
    now, surplus = time.time(), len(found) - most
    for number, path in enumerate(found):
        with suppress(OSError):  # another VoiceMode may have deleted it
            age = now - path.stat().st_mtime
            if age > YOUNG_SECONDS and (number < surplus or age > days * DAY_SECONDS):
                path.unlink()
                log.info("Deleted %s: a turn that was never transcribed, %.0f days old.", path, age / DAY_SECONDS)
