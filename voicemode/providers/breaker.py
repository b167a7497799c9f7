"""When an endpoint that fails is left alone, and for how long."""

from collections.abc import Callable
from enum import Enum

from voicemode.errors import NO_REMEDY, ProviderError, RefusedKeyError, UnsuitableError

FAILURES_TO_OPEN = 3
FIRST_REST_SECONDS = 1.0
LONGEST_REST_SECONDS = 300.0


class BreakerState(Enum):
    CLOSED = "closed"
    """Asked as usual; one that failed just now is asked after those that did not."""
    OPEN = "open"
    """Asked only if nobody else is left."""
    HALF_OPEN = "half-open"
    """Has rested; a probe is finding out, or the next request will."""


class Breaker:
    """Closed, open after three failures in a row, half-open after a rest that doubles up to five minutes.

    A key that is refused opens it at once: that does not mend itself. An endpoint that is asked too often (429), or for what
    it does not have, is well: the former is left alone for as long as it wants.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._opened = False
        self._probing = False
        self._on_trial = False
        self._busy_until = 0.0
        self._rests_until = 0.0
        self.failures = 0
        """In a row."""
        self.last_error = ""
        self.remedy = NO_REMEDY
        """Of the last error."""

    @property
    def state(self) -> BreakerState:
        if not self._opened:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self._probing or self._on_trial else BreakerState.OPEN

    @property
    def trusted(self) -> bool:
        """True if there is no reason to ask somebody else first."""
        return not self.ailing and self._clock() >= self._busy_until

    @property
    def ailing(self) -> bool:
        """True if it has failed, and nothing has shown since that it is worth asking."""
        return self.failures > 0 and not self._on_trial

    @property
    def resting_seconds(self) -> float:
        """Until it is worth trying again; 0 if it is now."""
        until = max(self._busy_until, self._rests_until if self.failures else 0.0)
        return max(0.0, until - self._clock())

    def succeeded(self) -> None:
        """It answered."""
        self.failures, self._opened, self._probing, self._on_trial = 0, False, False, False
        self.last_error, self.remedy = "", NO_REMEDY

    def reached(self) -> None:
        """It is there again. Whether it works as well shows the next request; if not, it rests for longer than before."""
        self._probing, self._on_trial = False, True

    def failed(self, error: ProviderError) -> None:
        """It did not, or not as it should."""
        self._probing = False
        self.last_error, self.remedy = error.message, error.hint
        if error.retry_after_seconds is not None:
            self._busy_until = self._clock() + min(error.retry_after_seconds, LONGEST_REST_SECONDS)
            # However soon it wants to be asked again, one that fails is not probed all the time.
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
        """A probe has begun; `succeeded`, `reached` or `failed` follows."""
        self._probing = True


def rest_seconds(failures: int) -> float:
    """Return the seconds to leave an endpoint alone after so many failures in a row."""
    return min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2.0 ** (min(failures, 30) - 1))
