"""Scheduling of jobs: one at a time, fair between clients, with 429 and Retry-After when the queue is full."""

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
"""Estimated duration of a job before any has run."""
LATEST_WEIGHT = 0.2
"""Weight of the latest job in the moving average of job durations."""


@dataclass(slots=True, eq=False)
class Ticket:
    """One job in the scheduler."""

    client: str
    ready: asyncio.Future[Any]
    """Done when the job's engine is loaded or has failed to load."""
    called: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    long: bool = False
    """True once the job has given way."""

    @property
    def fit(self) -> bool:
        """True if the job could run now."""
        return self.ready.done() and not self.called.done()


class Scheduler:
    """Assigns the CPU to jobs in turn; used from one event loop only.

    A job that gives way between its steps is a long one: it continues only while no other job has or wants a turn. As a
    step cannot be interrupted, the next turn can begin beside a step in progress.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        """At most `limit` short jobs and `limit` long ones wait while one has its turn."""
        self._line: FairQueue[Ticket] = FairQueue(limit)
        self._long_line: FairQueue[Ticket] = FairQueue(limit)
        self._clock = clock
        self._at_work: Ticket | None = None
        self._long_at_work: Ticket | None = None
        self._usual_seconds = FIRST_GUESS_SECONDS

    @property
    def waiting(self) -> int:
        return len(self._line) + len(self._long_line)

    @property
    def taken(self) -> bool:
        """True if a job has the turn."""
        return bool(self._at_work or self._long_at_work)

    @asynccontextmanager
    async def turn(self, client: str, ready: asyncio.Future[Any]) -> AsyncIterator[Ticket]:
        """Hold the turn. Entered once `ready` is done, successfully or not.

        Raises ApiError 429, also while waiting: a full queue evicts the latest job of the client with the most jobs.
        """
        ticket = Ticket(client, ready)
        await self._wait(ticket)
        began = self._clock()
        try:
            yield ticket
        finally:
            if not ticket.long:
                self._usual_seconds += LATEST_WEIGHT * (self._clock() - began - self._usual_seconds)
            self._pass_on(ticket)

    async def give_way(self, ticket: Ticket) -> None:
        """Between two steps of a job: let all short jobs go first, and the other long ones in turn.

        Raises ApiError 429 if there are too many long jobs already.
        """
        if not ticket.long and self._long_line.full:
            raise self._too_many()
        ticket.long, ticket.called = True, asyncio.get_running_loop().create_future()
        self._long_line.join(ticket.client, ticket)
        self._pass_on(ticket)
        try:
            await ticket.called
        finally:
            self._long_line.leave(ticket)

    async def _wait(self, ticket: Ticket) -> None:
        if ticket.ready.done() and not self._at_work:
            self._at_work = ticket
            return
        if refused := self._line.join(ticket.client, ticket):
            refused.called.set_exception(self._too_many())
        ticket.ready.add_done_callback(lambda _: self._call())
        try:
            await ticket.called
        except asyncio.CancelledError:
            self._line.leave(ticket)
            self._pass_on(ticket)
            raise

    def _pass_on(self, ticket: Ticket) -> None:
        """Take the turn from `ticket` if it has one, and call the next job."""
        if self._at_work is ticket:
            self._at_work = None
        if self._long_at_work is ticket:
            self._long_at_work = None
        self._call()

    def _call(self) -> None:
        """Give the turn, if it is free, to the next job that could run."""
        if not self._at_work and (ticket := self._line.take(lambda each: each.fit)):
            self._at_work = ticket
            ticket.called.set_result(None)
        if not self.taken and (ticket := self._long_line.take(lambda each: each.fit)):
            self._long_at_work = ticket
            ticket.called.set_result(None)

    def _too_many(self) -> ApiError:
        # Time to finish all short jobs that wait now, at the pace of recent jobs.
        seconds = max(1, math.ceil((len(self._line) + self.taken) * self._usual_seconds))
        return ApiError(
            429,
            f"Too many requests are waiting for this engine; ask again in {seconds} s.",
            code="rate_limit_exceeded",
            headers={"Retry-After": str(seconds)},
        )
