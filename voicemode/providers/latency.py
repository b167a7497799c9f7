"""Latencies of an endpoint: how long it usually takes to begin its answer."""

from bisect import insort
from collections import deque

REMEMBERED = 64
ENOUGH = 8
"""Answers before "usual" means anything."""


class Latencies:
    """The latest answers, comparable although a long utterance takes longer: each is divided by what it asked for."""

    def __init__(self) -> None:
        self._latest: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._latest)

    def add(self, seconds: float, cost: float = 1.0) -> None:
        """`cost` is how much was asked for, 1 being the least."""
        if len(self._latest) == REMEMBERED:
            self._sorted.remove(self._latest.popleft())
        self._latest.append(seconds / cost)
        insort(self._sorted, seconds / cost)

    def percentile(self, share: float) -> float | None:
        """Seconds within which that share of the answers began, for the least that can be asked; None before the first."""
        if not self._sorted:
            return None
        return self._sorted[min(len(self._sorted) - 1, int(share * len(self._sorted)))]

    def usual_seconds(self, cost: float) -> float | None:
        """95 of 100 answers to a request like this begin within so long; None before that can be said."""
        worst = self.percentile(0.95)
        return worst * cost if worst is not None and len(self) >= ENOUGH else None
