"""Who waits, and who comes next: the clients in turn, however much one of them asks for. Pure: no clock, no I/O."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Waiting jobs, a queue for each client. One job is taken from each client in turn."""

    def __init__(self, limit: int) -> None:
        """At most `limit` things wait."""
        self._limit = limit
        self._lines: dict[str, deque[T]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    @property
    def full(self) -> bool:
        return len(self) >= self._limit

    def join(self, client: str, thing: T) -> T | None:
        """Let `thing` wait. Returns what had to leave for it: the latest of the client that has most waiting.

        That is `thing` itself if no other client has more waiting than its own.
        """
        self._lines.setdefault(client, deque()).append(thing)
        if len(self) <= self._limit:
            return None
        greediest = max(self._lines, key=lambda each: (len(self._lines[each]), each == client))
        latest = self._lines[greediest][-1]
        self.leave(latest)
        return latest

    def leave(self, thing: T) -> None:
        """`thing` waits no longer, if it did."""
        for client, things in self._lines.items():
            if thing in things:
                things.remove(thing)
                if not things:
                    del self._lines[client]
                return

    def take(self, fit: Callable[[T], bool]) -> T | None:
        """The first that is `fit` of the client whose turn it is, or of the next that has one; None if nobody has."""
        for client, things in self._lines.items():
            if thing := next(filter(fit, things), None):
                self.leave(thing)
                if client in self._lines:
                    self._lines[client] = self._lines.pop(client)
                return thing
        return None
