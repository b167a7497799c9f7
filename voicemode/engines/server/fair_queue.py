"""Round-robin queue: clients take turns, however many jobs one of them submits. Pure: no clock, no I/O."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Waiting jobs in one queue per client. Jobs are taken from the clients in turn."""

    def __init__(self, limit: int) -> None:
        """At most `limit` jobs wait."""
        self._limit = limit
        self._lines: dict[str, deque[T]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    @property
    def full(self) -> bool:
        return len(self) >= self._limit

    def join(self, client: str, thing: T) -> T | None:
        """Add `thing`. Return the entry evicted to make room: the latest of the client with the most entries, if any.

        The evicted entry is `thing` itself if no other client has more entries than its own.
        """
        self._lines.setdefault(client, deque()).append(thing)
        if len(self) <= self._limit:
            return None
        greediest = max(self._lines, key=lambda each: (len(self._lines[each]), each == client))
        latest = self._lines[greediest][-1]
        self.leave(latest)
        return latest

    def leave(self, thing: T) -> None:
        """Remove `thing` if it is waiting."""
        for client, things in self._lines.items():
            if thing in things:
                things.remove(thing)
                if not things:
                    del self._lines[client]
                return

    def take(self, fit: Callable[[T], bool]) -> T | None:
        """Take the first entry that is `fit` from the next client that has one; None if there is none."""
        for client, things in self._lines.items():
            if thing := next(filter(fit, things), None):
                self.leave(thing)
                if client in self._lines:
                    self._lines[client] = self._lines.pop(client)
                return thing
        return None
