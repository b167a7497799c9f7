"""One request, answered by the endpoint that begins first: failover, one retry, hedging."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from voicemode.errors import NoProviderError, ProviderError
from voicemode.providers.member import Attempt, Member
from voicemode.providers.provider import Account, Distance, Failure
from voicemode.speech.base import Kind, Serving
from voicemode.tasks import ended

S = TypeVar("S", bound=Serving)
T = TypeVar("T")

Hedge = Literal["off", "free", "all"]

FIRST_HEDGE_SECONDS = 1.2
"""Delay before hedging a server on another machine whose latency is unknown; this machine refuses or answers."""
LEAST_HEDGE_SECONDS = 0.1
BACKOFF_SECONDS = (0.05, 0.2)
"""Range of the random delay before a retry, so that clients do not all come back at once."""
SOON_SECONDS = 1.0
"""A request that fails later than this ran into a timeout, and would again: no retry."""
LONGEST_WAIT_SECONDS = 2.0
"""Longest Retry-After that is worth waiting for, where no better endpoint is left."""

JOBS: dict[Kind, str] = {"stt": "transcribe", "tts": "speak"}


@dataclass(frozen=True, slots=True)
class RacedRequest(Generic[S, T]):
    kind: Kind
    ask: Callable[[S], AsyncIterator[T]]
    cost: float | None
    """Size of the request, 1 being the least: the usual latency grows with it. None if unknown."""


class Race(Generic[S, T]):
    """Sends a request to `members`, best first, until one of them begins to respond."""

    def __init__(self, members: Sequence[Member[S]], request: RacedRequest[S, T], account: Account, hedge: Hedge) -> None:
        self._first = members[0] if members else None
        self._waiting = deque(members)
        self._request = request
        self._account = account
        self._hedge = hedge
        self._running: list[Attempt[S, T]] = []
        self._retried: set[Member[S]] = set()
        self._failures: dict[str, ProviderError] = {}

    async def winner(self) -> Attempt[S, T]:
        """Return the first attempt to begin, and cancel the others. Raises NoProviderError, and any error but ProviderError."""
        won: Attempt[S, T] | None = None
        try:
            while won is None:
                if not self._running:
                    self._ask_next()
                won = await self._next_to_begin()
            return won
        finally:
            losers = [attempt for attempt in self._running if attempt is not won]
            if won is not None:
                self._overtaken(losers)
            await ended(*(attempt.task for attempt in losers))

    def _ask_next(self, delay_seconds: float = 0.0) -> None:
        if not self._waiting:
            raise NoProviderError(JOBS[self._request.kind], list(self._failures.items()))
        member = self._waiting.popleft()
        items = self._request.ask(member.provider.speech)
        self._running.append(Attempt(member, items, cost=self._request.cost, delay_seconds=delay_seconds))

    async def _next_to_begin(self) -> Attempt[S, T] | None:
        """Wait until an attempt begins, one fails, or it is time to hedge; None if none has begun."""
        patience = self._patience()
        begun, _ = await asyncio.wait(
            [attempt.begun for attempt in self._running], timeout=patience, return_when=asyncio.FIRST_COMPLETED
        )
        if not begun:
            self._running[-1].member.hedged += 1
            self._ask_next()
            return None
        for attempt in [attempt for attempt in self._running if attempt.begun in begun]:
            if attempt.failure is None:
                return attempt
            self._running.remove(attempt)
            self._failed(attempt, attempt.failure)
        return None

    def _patience(self) -> float | None:
        """Seconds to wait before the next member is tried as well; None means forever."""
        if not (self._waiting and self._may_hedge(self._waiting[0])):
            return None
        member = self._running[-1].member
        if self._request.cost is None:
            return None
        usual = member.latencies.usual_seconds(self._request.cost)
        if usual is not None:
            return max(LEAST_HEDGE_SECONDS, usual)
        return None if member.provider.place is Distance.MACHINE else FIRST_HEDGE_SECONDS

    def _may_hedge(self, other: Member[S]) -> bool:
        """True if `other` may be tried because the first is slow: unless `hedge` is all, it must be free and not farther."""
        if self._hedge == "off" or not (other.breaker.trusted and other.awake) or other in self._retried:
            return False
        nearer = self._first is not None and other.provider.place <= self._first.provider.place
        return self._hedge == "all" or (nearer and not other.provider.paid)

    def _overtaken(self, losers: Sequence[Attempt[S, T]]) -> None:
        """Mark the first member as failed if it has not even begun: others come first until a probe succeeds."""
        for attempt in losers:
            if not attempt.begun.done() and attempt.member is self._first:
                attempt.member.breaker.failed(ProviderError(f"{attempt.member.name} was too slow to begin.", transient=True))

    def _failed(self, attempt: Attempt[S, T], error: BaseException) -> None:
        if not isinstance(error, ProviderError):
            raise error
        member = attempt.member
        self._failures[member.name] = error
        self._account.failures.append(Failure(self._request.kind, member.name, error.message))
        if attempt.seconds < SOON_SECONDS and self._worth_a_retry(member, error):
            self._retried.add(member)
            self._waiting.appendleft(member)
            self._ask_next(self._back_off(error))

    def _worth_a_retry(self, member: Member[S], error: ProviderError) -> bool:
        """True if retrying the same member is better than trying the next."""
        if not error.transient or member in self._retried or self._running:
            return False
        if (error.retry_after_seconds or 0.0) > LONGEST_WAIT_SECONDS:
            return False
        if not self._waiting:
            return True
        following = self._waiting[0]
        return not following.breaker.trusted or (following.provider.paid and not member.provider.paid)

    def _back_off(self, error: ProviderError) -> float:
        return (error.retry_after_seconds or 0.0) + random.uniform(*BACKOFF_SECONDS)  # noqa: S311 - no secret
