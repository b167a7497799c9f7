"""A provider with its health and its figures; one request to it."""

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
    """Times another was asked as well, because this one was slow."""
    outstanding: int = 0
    learn_at: float = 0.0
    """When it may be asked again what it has, if it does not say."""

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.clock)

    @property
    def name(self) -> str:
        return self.provider.name

    @property
    def awake(self) -> bool:
        """True if asking it starts nothing."""
        return not self.provider.on_demand or self.provider.runs or len(self.latencies) > 0

    def failed(self, error: ProviderError) -> None:
        self.errors += 1
        self.breaker.failed(error)


class Attempt(Generic[S, T]):
    """One request to one member, in a task of its own: what it answers, in items."""

    def __init__(
        self, member: Member[S], items: AsyncIterator[T], *, cost: float | None = 1.0, delay_seconds: float = 0.0
    ) -> None:
        """`cost` None: how long it takes to begin says nothing of the endpoint."""
        self.member = member
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the first item is there, or it is clear that there will be none."""
        self._items: asyncio.Queue[T | None] = asyncio.Queue()
        self._got_one = False
        self._asked_at = self._ended_at = member.clock()
        # Counted from now on, not from when the task runs: who chooses next has to see it.
        member.outstanding += 1
        self.task = asyncio.create_task(self._run(items, cost, delay_seconds))
        self.task.add_done_callback(self._ended)

    @property
    def failure(self) -> BaseException | None:
        """Why there is not even a first item."""
        if self._got_one or not self.task.done() or self.task.cancelled():
            return None
        return self.task.exception()

    @property
    def seconds(self) -> float:
        """From asking to the end of the answer."""
        return self._ended_at - self._asked_at

    async def items(self) -> AsyncIterator[T]:
        """All of the answer. Raises what went wrong after the items that came before it."""
        while (item := await self._items.get()) is not None:
            yield item
        await self.task

    async def end(self) -> None:
        """Give it up, and everything it holds open."""
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
    """An answer that comes in one piece."""
    yield await ask()
