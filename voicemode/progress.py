"""Progress of long operations: data from its source to its display, also between processes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from voicemode.controls import Doing

Stage = (
    Doing
    | Literal["hearing", "playing", "asking in writing", "examining"]
    | Literal["starting", "stopping", "restarting", "enabling", "disabling", "installing", "removing"]
    | Literal["building", "downloading", "trying out", "registering", "loading", "testing", "finishing"]
)
SHORTEST_SECONDS = 0.5
"""Minimum duration of a speed measurement."""


@dataclass(frozen=True, slots=True)
class Progress:
    """An operation and its progress."""

    stage: Stage
    what: str = ""
    """Object of the stage, such as `whisper-base from registry.npmjs.org`."""
    detail: str = ""
    """Current step, in one line."""
    done: float = 0.0
    total: float = 0.0
    """Total amount of work; 0 where it is not measured."""
    unit: Literal["bytes", "seconds"] = "bytes"
    """Unit of `done` and `total`; seconds are those of a recording."""
    per_second: float = 0.0
    """Speed; 0 while it is unknown."""

    @property
    def title(self) -> str:
        """The stage and its object, in words."""
        return f"{self.stage} {self.what}".strip()

    @property
    def measure(self) -> str:
        """Progress in figures: `34 % of 145 MB, 2.1 MB/s, 46 s left`; empty where it is not measured."""
        if not self.total:
            return ""
        shown = size_text if self.unit == "bytes" else duration_text
        parts = [f"{100 * self.done / self.total:.0f} % of {shown(self.total)}"]
        if self.per_second and self.unit == "bytes":
            parts.append(f"{shown(self.per_second)}/s")
        if self.per_second:
            parts.append(f"{duration_text((self.total - self.done) / self.per_second)} left")
        return ", ".join(parts)

    def __str__(self) -> str:
        return ": ".join(filter(None, [self.title, self.detail, self.measure]))


Report = Callable[[Progress], None]
"""Progress callback. It never blocks and never fails: a display must not hold up the work."""


def nobody(_progress: Progress) -> None:
    """Discard progress."""


class ProgressCounter:
    """Counts completed work of one operation, measures its speed, and reports both."""

    def __init__(self, progress: Progress, report: Report, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._report = report
        self._clock = clock
        self._first: float | None = None
        """Amount done at the first count: work from an earlier attempt says nothing about the speed."""
        self._since = 0.0

    def advance(self, count: float) -> None:
        """Count `count` more; negative where work has to be done again."""
        done, now = self._progress.done + count, self._clock()
        if self._first is None or done < self._first:
            self._first, self._since = done, now
        seconds = now - self._since
        speed = (done - self._first) / seconds if seconds >= SHORTEST_SECONDS else 0.0
        self._progress = replace(self._progress, done=done, per_second=speed)
        self._report(self._progress)


def from_json(said: object) -> Progress | None:
    """Return the progress that another process has reported as `asdict`; None if there is none."""
    if not isinstance(said, dict) or not said.get("stage"):
        return None
    known: dict[str, Any] = {name: str(said.get(name) or "") for name in ("stage", "what", "detail")}
    known |= {name: _number(said.get(name)) for name in ("done", "total", "per_second")}
    return Progress(**known, unit="seconds" if said.get("unit") == "seconds" else "bytes")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def size_text(count_bytes: float) -> str:
    """Return a size as people read it: 12 kB, 486 MB, 3.1 GB."""
    if count_bytes < 1e6:
        return f"{count_bytes / 1e3:.0f} kB"
    return f"{count_bytes / 1e9:.1f} GB" if count_bytes >= 1e9 else f"{count_bytes / 1e6:.0f} MB"


def duration_text(seconds: float) -> str:
    """Return a duration as people read it, in its two largest nonzero units: 3 d 4 h, 46 s."""
    left, parts = round(seconds), []
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
