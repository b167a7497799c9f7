"""The circuit breaker: when a failing endpoint is left alone, and for how long."""

from collections.abc import Callable
from enum import Enum

from voicemode.errors import NO_REMEDY, ProviderError, RefusedKeyError, UnsuitableError

FAILURES_TO_OPEN = 3
FIRST_REST_SECONDS = 1.0
LONGEST_REST_SECONDS = 300.0


class BreakerState(Enum):
    CLOSED = "closed"
    """Tried as usual; an endpoint that has just failed is tried after those that have not."""
    OPEN = "open"
    """Tried only if no other endpoint is left."""
    HALF_OPEN = "half-open"
    """Rested; tested by a probe now, or by the next request."""


class Breaker:
    """Closed, open after three failures in a row, half-open after a rest that doubles up to five minutes.

    A refused key opens the breaker at once, since that does not mend itself. Neither an error with a Retry-After nor an
    unsuitable request counts as a failure; after the former, the endpoint is left alone until then, five minutes at most.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._opened = False
        self._probing = False
        self._on_trial = False
        self._busy_until = 0.0
        self._rests_until = 0.0
        self.failures = 0
        """Consecutive failures."""
        self.last_error = ""
        self.remedy = NO_REMEDY
        """Remedy for the last error."""

    @property
    def state(self) -> BreakerState:
        if not self._opened:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self._probing or self._on_trial else BreakerState.OPEN

    @property
    def trusted(self) -> bool:
        """True if there is no reason to try another endpoint first."""
        return not self.ailing and self._clock() >= self._busy_until

    @property
    def ailing(self) -> bool:
        """True if the endpoint has failed, and no probe or request has reached it since."""
        return self.failures > 0 and not self._on_trial

    @property
    def resting_seconds(self) -> float:
        """Seconds until the endpoint is worth trying again; 0 if it is now."""
        until = max(self._busy_until, self._rests_until if self.failures else 0.0)
        return max(0.0, until - self._clock())

    def succeeded(self) -> None:
        """Record a successful request."""
        self.failures, self._opened, self._probing, self._on_trial = 0, False, False, False
        self.last_error, self.remedy = "", NO_REMEDY

    def reached(self) -> None:
        """Record that the endpoint is reachable. If the next request fails, it rests for longer than before."""
        self._probing, self._on_trial = False, True

    def failed(self, error: ProviderError) -> None:
        """Record a failed request."""
        self._probing = False
        self.last_error, self.remedy = error.message, error.hint
        if error.retry_after_seconds is not None:
            self._busy_until = self._clock() + min(error.retry_after_seconds, LONGEST_REST_SECONDS)
            # However short its Retry-After, a failing endpoint is not probed all the time.
            self._rests_until = self._clock() + rest_seconds(self.failures)
            return
        if isinstance(error, UnsuitableError):
            return
        refused = isinstance(error, RefusedKeyError)
        self.failures += 1
        self._on_trial = False
        self._opened = self._opened or refused or self.failures >= FAILURES_TO_OPEN
        self._rests_until = self._clock() + (LONGEST_REST_SECONDS if refused else rest_seconds(self.failures))

    def probed(self) -> None:
        """Record the start of a probe; `succeeded`, `reached` or `failed` follows."""
        self._probing = True


def rest_seconds(failures: int) -> float:
    """Return the seconds to leave an endpoint alone after this many consecutive failures."""
    return min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2.0 ** (min(failures, 30) - 1))
