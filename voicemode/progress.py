"""Progress of what takes long: data from its source to whoever shows it, also across the border of a process."""

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
"""A speed measured over less says little."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done, and how far it is."""

    stage: Stage
    what: str = ""
    """Object of the stage: `whisper-base from registry.npmjs.org`."""
    detail: str = ""
    """A line of what it does."""
    done: float = 0.0
    total: float = 0.0
    """How much there is to do; 0 where that is not measured."""
    unit: Literal["bytes", "seconds"] = "bytes"
    """Of `done` and `total`; seconds are those of a recording."""
    per_second: float = 0.0
    """Speed; 0 where it is not known yet."""

    @property
    def title(self) -> str:
        """The stage and its object, in words."""
        return f"{self.stage} {self.what}".strip()

    @property
    def measure(self) -> str:
        """How far it is: `34 % of 145 MB, 2.1 MB/s, 46 s left`; empty where that is not measured."""
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
"""Takes progress. It never blocks and never fails: whoever works is not to be held up by who watches."""


def nobody(_progress: Progress) -> None:
    """A report that nobody reads."""


class ProgressCounter:
    """Counts what is done of one piece of work, measures its speed, and reports both."""

    def __init__(self, progress: Progress, report: Report, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._report = report
        self._clock = clock
        self._first: float | None = None
        """Done when it was first counted: what is here from an earlier try says nothing of the speed."""
        self._since = 0.0

    def advance(self, count: float) -> None:
        """Count so much more; negative where some of it has to be done again."""
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
    """A size as people read it: 12 kB, 486 MB, 3.1 GB."""
    if count_bytes < 1e6:
        return f"{count_bytes / 1e3:.0f} kB"
    return f"{count_bytes / 1e9:.1f} GB" if count_bytes >= 1e9 else f"{count_bytes / 1e6:.0f} MB"


def duration_text(seconds: float) -> str:
    """A duration as people read it, in its two largest units that say something: 3 d 4 h, 46 s."""
    left, parts = round(seconds), []
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
