"""Metrics in Prometheus's text format.

Written by hand: the format fills a page, and the client library has a process-wide registry and costs 0.1 s per start.
Everything here can be called from any thread.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a metric."""

    value: float
    labels: Labels = ()
    suffix: str = ""
    """Suffix of the metric's name."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with all its samples."""

    name: str
    meaning: str
    kind: Literal["counter", "gauge", "histogram"]
    samples: tuple[Sample, ...]

    def lines(self) -> Iterator[str]:
        yield f"# HELP {self.name} {self.meaning}"
        yield f"# TYPE {self.name} {self.kind}"
        for sample in self.samples:
            yield f"{self.name}{sample.suffix}{braces(sample.labels)} {number(sample.value)}"


def render(metrics: Iterable[Metric]) -> str:
    """Return `metrics` in the text format."""
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines())


def gauge(name: str, meaning: str, value: float, /, **labels: str) -> Metric:
    """Return a gauge with its current value."""
    return Metric(name, meaning, "gauge", (Sample(value, tuple(labels.items())),))


def braces(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in labels) + "}"


def number(value: float) -> str:
    return "+Inf" if value == float("inf") else f"{value:.15g}"


@dataclass(slots=True)
class Counter:
    """Counter of events by label. `initial` labels are exported as zero from the start."""

    name: str
    meaning: str
    initial: Sequence[Mapping[str, str]] = ()
    _counts: dict[Labels, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._counts = {tuple(labels.items()): 0 for labels in self.initial}

    def add(self, **labels: str) -> None:
        key = tuple(labels.items())
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1

    @property
    def total(self) -> int:
        with self._lock:
            return sum(self._counts.values())

    def metric(self) -> Metric:
        with self._lock:
            return Metric(self.name, self.meaning, "counter", tuple(Sample(n, labels) for labels, n in self._counts.items()))


@dataclass(slots=True)
class Histogram:
    """Histogram of values by upper bound; `bounds` ascend."""

    name: str
    meaning: str
    bounds: tuple[float, ...]
    _seen: dict[Labels, "Seen"] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def observe(self, value: float, **labels: str) -> None:
        key = tuple(labels.items())
        with self._lock:
            seen = self._seen.setdefault(key, Seen([0] * (len(self.bounds) + 1)))
            seen.counts[bisect_left(self.bounds, value)] += 1
            seen.sum += value

    def metric(self) -> Metric:
        with self._lock:
            samples = [sample for labels, seen in self._seen.items() for sample in seen.samples(self.bounds, labels)]
            return Metric(self.name, self.meaning, "histogram", tuple(samples))


@dataclass(slots=True)
class Seen:
    """Counts of a histogram for one set of labels."""

    counts: list[int]
    """Count per bucket, not cumulative; the last is for values above all bounds."""
    sum: float = 0.0

    def samples(self, bounds: Sequence[float], labels: Labels) -> Iterator[Sample]:
        total = 0
        for bound, count in zip((*bounds, float("inf")), self.counts, strict=True):
            total += count
            yield Sample(total, (*labels, ("le", number(bound))), "_bucket")
        yield Sample(self.sum, labels, "_sum")
        yield Sample(total, labels, "_count")
