"""A provider with its health and latencies; one request to it."""

import asyncio
import time
from bisect import insort
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from voicemode.audio.frames import closing
from voicemode.errors import ProviderError
from voicemode.providers.breaker import Breaker
from voicemode.providers.provider import Provider
from voicemode.speech.base import Serving
from voicemode.tasks import ended

REMEMBERED = 64
ENOUGH = 8
"""Responses needed before there is a usual latency."""


class Latencies:
    """The most recent latencies, each divided by the cost of its request so that long and short utterances compare."""

    def __init__(self) -> None:
        self._latest: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._latest)

    def add(self, seconds: float, cost: float = 1.0) -> None:
        """Add a latency; `cost` is the size of the request, 1 being the least."""
        if len(self._latest) == REMEMBERED:
            self._sorted.remove(self._latest.popleft())
        self._latest.append(seconds / cost)
        insort(self._sorted, seconds / cost)

    def percentile(self, share: float) -> float | None:
        """Return the seconds within which that share of the responses began, for a cost of 1; None before the first."""
        if not self._sorted:
            return None
        return self._sorted[min(len(self._sorted) - 1, int(share * len(self._sorted)))]

    def usual_seconds(self, cost: float) -> float | None:
        """Return the 95th percentile for a request of this `cost`; None before there are ENOUGH responses."""
        worst = self.percentile(0.95)
        return worst * cost if worst is not None and len(self) >= ENOUGH else None


S = TypeVar("S", bound=Serving)
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Member(Generic[S]):
    provider: Provider[S]
    clock: Callable[[], float] = time.monotonic
    breaker: Breaker = field(init=False)
    latencies: Latencies = field(default_factory=Latencies)
    requests: int = 0
    errors: int = 0
    hedged: int = 0
    """Requests also sent to another member because this one was slow."""
    outstanding: int = 0
    learn_at: float = 0.0
    """Clock time from which an unknown offer can be requested again."""

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.clock)

    @property
    def name(self) -> str:
        return self.provider.name

    @property
    def awake(self) -> bool:
        """True if a request does not have to start a server."""
        return not self.provider.on_demand or self.provider.runs or len(self.latencies) > 0

    def failed(self, error: ProviderError) -> None:
        self.errors += 1
        self.breaker.failed(error)


class Attempt(Generic[S, T]):
    """One request to one member, in a task of its own, with the response as a stream of items."""

    def __init__(
        self, member: Member[S], items: AsyncIterator[T], *, cost: float | None = 1.0, delay_seconds: float = 0.0
    ) -> None:
        """With `cost` None, the latency is not recorded."""
        self.member = member
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the first item has come, or the task has ended without one."""
        self._items: asyncio.Queue[T | None] = asyncio.Queue()
        self._got_one = False
        self._asked_at = self._ended_at = member.clock()
        # Counted now, not when the task runs: the next choice has to see it.
        member.outstanding += 1
        self.task = asyncio.create_task(self._run(items, cost, delay_seconds))
        self.task.add_done_callback(self._ended)

    @property
    def failure(self) -> BaseException | None:
        """The exception that ended the request before its first item, if any."""
        if self._got_one or not self.task.done() or self.task.cancelled():
            return None
        return self.task.exception()

    @property
    def seconds(self) -> float:
        """Seconds from the request to the end of the response."""
        return self._ended_at - self._asked_at

    async def items(self) -> AsyncIterator[T]:
        """Yield the whole response; raise its exception after the items that came before."""
        while (item := await self._items.get()) is not None:
            yield item
        await self.task

    async def end(self) -> None:
        """Cancel the request and close everything it holds open."""
        await ended(self.task)

    async def _run(self, items: AsyncIterator[T], cost: float | None, delay_seconds: float) -> None:
        await asyncio.sleep(delay_seconds)
        member = self.member
        self._asked_at = member.clock()
        member.requests += 1
        try:
            async with closing(items):
                async for item in items:
                    if not self._got_one and cost is not None:
                        member.latencies.add(member.clock() - self._asked_at, cost)
                    self._deliver(item)
            member.breaker.succeeded()
        except ProviderError as error:
            member.failed(error)
            raise

    def _deliver(self, item: T) -> None:
        self._items.put_nowait(item)
        self._got_one = True
        self._begin()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._ended_at = self.member.clock()
        self.member.outstanding -= 1
        self._items.put_nowait(None)
        self._begin()
        if not task.cancelled():
            task.exception()

    def _begin(self) -> None:
        if not self.begun.done():
            self.begun.set_result(None)


async def once(ask: Callable[[], Awaitable[T]]) -> AsyncGenerator[T, None]:
    """Yield a response that comes in one piece."""
    yield await ask()
