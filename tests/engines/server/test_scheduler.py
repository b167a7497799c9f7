"""Turns at the processors, with engines that are ready or not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from voicemode.engines.server.scheduler import Scheduler
from voicemode.http_server.errors import ApiError

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 10


class Hall:
    """Jobs that are let in one after the other, and what came of them."""

    def __init__(self, limit: int = 100) -> None:
        self.now = 0.0
        self.turns = Scheduler(limit, lambda: self.now)
        self.order: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ready.set_result(None)

    async def asks(self, *names: str, ready: asyncio.Future[None] | None = None) -> None:
        """Jobs called after their clients, `a1`, come and wait for their turn."""
        for name in names:
            self.tasks[name] = asyncio.create_task(self._work(name, ready or self.ready))
            await asyncio.sleep(0)

    async def _work(self, name: str, ready: asyncio.Future[None]) -> None:
        async with self.turns.turn(name[0], ready):
            self.order.append(name)

    @asynccontextmanager
    async def taken(self, seconds: float = 0.0) -> AsyncIterator[None]:
        """Somebody has the turn, for so long."""
        async with self.turns.turn("somebody", self.ready):
            yield
            self.now += seconds

    async def empties(self) -> list[str]:
        """Who was let in, in order, once nobody waits any more."""
        async with asyncio.timeout(WAIT_SECONDS):
            await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        return self.order


async def refusal(task: asyncio.Task[None]) -> ApiError:
    with pytest.raises(ApiError) as refused:
        await asyncio.wait_for(task, WAIT_SECONDS)
    return refused.value


async def test_fifty_requests_of_one_client_do_not_keep_another_waiting() -> None:
    hall = Hall()
    async with hall.taken():
        await hall.asks(*(f"a{number}" for number in range(50)), "b1", "c1", "b2")
    assert (await hall.empties())[:6] == ["a0", "b1", "c1", "a1", "b2", "a2"]


async def test_only_one_has_the_turn() -> None:
    hall = Hall()
    async with hall.taken():
        await hall.asks("a1", "b1")
        assert (hall.order, hall.turns.waiting, hall.turns.taken) == ([], 2, True)
    await hall.empties()
    assert (hall.turns.waiting, hall.turns.taken) == (0, False)


async def test_the_greediest_gives_way_and_is_told_when_to_come_again() -> None:
    hall = Hall(limit=3)
    async with hall.taken(seconds=6.0):
        pass  # jobs are taken to last 2 s from now on
    async with hall.taken():
        await hall.asks("a1", "a2", "a3", "b1")
        error = await refusal(hall.tasks["a3"])
    assert error.status == 429
    assert error.headers == {"Retry-After": "8"}, "three that wait and one at work, 2 s each"
    assert await hall.empties() == ["a1", "b1", "a2"]


async def test_who_waits_for_a_model_keeps_nobody_else_waiting() -> None:
    hall = Hall()
    loading: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await hall.asks("a1", ready=loading)
    await hall.asks("b1", "c1")
    await asyncio.sleep(0)
    assert hall.order == ["b1", "c1"]
    loading.set_exception(ApiError(503, "No weights."))
    assert await hall.empties() == ["b1", "c1", "a1"], "it is told by its model"
    assert loading.exception()


@pytest.mark.parametrize("when", ["waiting", "called"])
async def test_who_gives_up_is_not_waited_for(when: str) -> None:
    hall = Hall()
    async with hall.taken():
        await hall.asks("a1", "b1")
        if when == "waiting":
            hall.tasks["a1"].cancel()
    if when == "called":  # it has the turn by now, and has not noticed
        hall.tasks["a1"].cancel()
    assert await hall.empties() == ["b1"]
    assert not hall.turns.taken


async def test_a_long_job_goes_on_once_nobody_else_wants_a_turn() -> None:
    hall = Hall()
    async with hall.turns.turn("long", hall.ready) as long:
        await hall.asks("a1", "b1")
        await asyncio.wait_for(hall.turns.give_way(long), WAIT_SECONDS)
        assert hall.order == ["a1", "b1"]
        await hall.asks("c1")
        assert hall.order == ["a1", "b1", "c1"], "it begins beside the step that is under way"
    assert not hall.turns.taken


async def test_a_long_job_waits_for_whoever_has_a_turn() -> None:
    hall = Hall()
    async with hall.turns.turn("long", hall.ready) as long:
        await hall.turns.give_way(long)
        async with hall.turns.turn("somebody", hall.ready):
            waiting = asyncio.create_task(hall.turns.give_way(long))
            await asyncio.sleep(0)
            assert (waiting.done(), hall.turns.waiting) == (False, 1)
        await asyncio.wait_for(waiting, WAIT_SECONDS)


async def test_long_jobs_go_on_in_turn() -> None:
    hall = Hall()
    order: list[str] = []

    async def work(name: str) -> None:
        async with hall.turns.turn(name, hall.ready) as job:
            for _ in range(3):
                await hall.turns.give_way(job)
                order.append(name)
                await asyncio.sleep(0)

    async with asyncio.timeout(WAIT_SECONDS):
        await asyncio.gather(work("a"), work("b"))
    assert order == ["a", "b", "a", "b", "a", "b"]


async def test_there_is_a_limit_to_long_jobs_too_but_none_is_refused_once_it_has_begun() -> None:
    hall = Hall(limit=1)
    async with hall.turns.turn("a", hall.ready) as first:
        await hall.turns.give_way(first)
        async with hall.turns.turn("b", hall.ready) as second:
            waiting = asyncio.create_task(hall.turns.give_way(first))
            await asyncio.sleep(0)
            with pytest.raises(ApiError, match="Too many"):
                await hall.turns.give_way(second)
        await asyncio.wait_for(waiting, WAIT_SECONDS)


async def test_a_long_job_that_is_given_up_keeps_nobody_waiting() -> None:
    hall = Hall()
    async with hall.turns.turn("long", hall.ready) as long:
        await hall.turns.give_way(long)
        async with hall.turns.turn("somebody", hall.ready):
            waiting = asyncio.create_task(hall.turns.give_way(long))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
    assert (hall.turns.waiting, hall.turns.taken) == (0, False)
