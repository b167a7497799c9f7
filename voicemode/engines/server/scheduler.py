"""Turns at the processors: one job at a time, fair between clients, and an honest word to whom there is no room for."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from voicemode.engines.server.fair_queue import FairQueue
from voicemode.http_server.errors import ApiError

FIRST_GUESS_SECONDS = 1.0
"""What a job takes, before any was seen."""
LATEST_WEIGHT = 0.2
"""How much the latest job counts in what jobs are taken to last."""


@dataclass(slots=True, eq=False)
class Ticket:
    """One job that waits."""

    ready: asyncio.Future[Any]
    """Done when what it works with is there, or cannot be had."""
    called: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def fit(self) -> bool:
        """Could it be worked on now?"""
        return self.ready.done() and not self.called.done()


class Scheduler:
    """All of it is used from one event loop."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        """At most `limit` jobs wait while one has its turn."""
        self._line: FairQueue[Ticket] = FairQueue(limit)
        self._clock = clock
        self._taken = False
        self._usual_seconds = FIRST_GUESS_SECONDS

    @property
    def waiting(self) -> int:
        return len(self._line)

    @property
    def taken(self) -> bool:
        """Has somebody the turn?"""
        return self._taken

    @property
    def full(self) -> bool:
        """Would another job be turned away, or turn one away?"""
        return self._line.full

    @asynccontextmanager
    async def turn(self, client: str, ready: asyncio.Future[Any]) -> AsyncIterator[None]:
        """Hold the processors alone. Entered once `ready` is done, whatever came of it.

        Raises ApiError 429, also while waiting: when there is no room the client with most waiting gives way.
        """
        await self._wait(client, ready)
        began = self._clock()
        try:
            yield
        finally:
            self._usual_seconds += LATEST_WEIGHT * (self._clock() - began - self._usual_seconds)
            self._pass_on()

    async def _wait(self, client: str, ready: asyncio.Future[Any]) -> None:
        if ready.done() and not self._taken:
            self._taken = True
            return
        ticket = Ticket(ready)
        if refused := self._line.join(client, ticket):
            refused.called.set_exception(self._too_many())
        ready.add_done_callback(lambda _: self._call())
        try:
            await ticket.called
        except asyncio.CancelledError:
            self._line.leave(ticket)
            if ticket.called.done() and not ticket.called.cancelled() and not ticket.called.exception():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        self._taken = False
        self._call()

    def _call(self) -> None:
        """Give the turn to the next, if it is free and somebody can use it."""
        if not self._taken and (ticket := self._line.take(lambda each: each.fit)):
            self._taken = True
            ticket.called.set_result(None)

    def _too_many(self) -> ApiError:
        # By then all that waits now has been worked off, as fast as the latest jobs were.
        seconds = max(1, math.ceil((self.waiting + self._taken) * self._usual_seconds))
        return ApiError(
            429,
            f"Too many requests are waiting for this engine; ask again in {seconds} s.",
            code="rate_limit_exceeded",
            headers={"Retry-After": str(seconds)},
        )
