"""Rate limit on guesses of a secret. Pure: the clock is injected."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Failures within a time window after which a client has to wait."""

    of_one: int = 5
    of_all: int = 50
    """Limit for all addresses together; it also bounds the memory used."""
    window_seconds: float = 300.0


class Attempts:
    """Failed guesses within the time window, by client."""

    def __init__(self, clock: Callable[[], float], limits: AttemptLimits = AttemptLimits()) -> None:
        self._clock = clock
        self._limits = limits
        self._failures: deque[tuple[float, str]] = deque()

    def wait_seconds(self, client: str) -> float:
        """Return the seconds `client` has to wait before the next guess; 0 if it can guess now."""
        self._forget_old()
        own = [at for at, who in self._failures if who == client]
        freeing = [
            times[-limit]
            for times, limit in ((own, self._limits.of_one), ([at for at, _ in self._failures], self._limits.of_all))
            if len(times) >= limit
        ]
        return max((at + self._limits.window_seconds - self._clock() for at in freeing), default=0.0)

    def note(self, client: str) -> None:
        """Record a guess of `client`; it counts as a failure until `forgive` is called."""
        self._failures.append((self._clock(), client))

    def forgive(self, client: str) -> None:
        """Forget the failures of `client`, which has guessed right."""
        self._failures = deque(failure for failure in self._failures if failure[1] != client)

    def _forget_old(self) -> None:
        while self._failures and self._failures[0][0] <= self._clock() - self._limits.window_seconds:
            self._failures.popleft()
