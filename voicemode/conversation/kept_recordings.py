"""Recordings of turns that were not transcribed: nobody requested them, so their number and age are limited. Blocks."""

import logging
import time
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

YOUNG_SECONDS = 3600.0
"""Seconds after its last write during which a recording can belong to a running turn."""
DAY_SECONDS = 86_400.0


def kept_recordings(folder: Path) -> list[Path]:
    """Return the recordings in `folder`, oldest first by the time in their names. Saved ones are named saved-…"""
    return sorted(folder.glob("turn-*.wav"))


def prune(folder: Path, most: int, days: float) -> None:
    """Delete recordings older than `days` and the oldest beyond `most`, except those of the last hour."""
    found = kept_recordings(folder)
    now, surplus = time.time(), len(found) - most
    for number, path in enumerate(found):
        with suppress(OSError):  # another VoiceMode may have deleted it
            age = now - path.stat().st_mtime
            if age > YOUNG_SECONDS and (number < surplus or age > days * DAY_SECONDS):
                path.unlink()
                log.info("Deleted %s: a turn that was never transcribed, %.0f days old.", path, age / DAY_SECONDS)
