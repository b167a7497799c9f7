import asyncio

import pytest

from tests.support.fakes import Stages
from voicemode.errors import ServiceError
from voicemode.progress import Progress, Report
from voicemode.warmup import Warmup

pytestmark = pytest.mark.anyio


async def test_a_turn_waits_for_what_it_needs_and_reports_what_is_done_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicemode.warmup.REPORT_SECONDS", 0.01)
    fetched, stages = asyncio.Event(), Stages()

    async def fetch(report: Report) -> None:
        report(Progress("downloading", "weights", done=1, total=2))
        await fetched.wait()

    async def never(report: Report) -> None:
        raise AssertionError("nobody needs this")

    readiness = Warmup({"tts": fetch, "stt": never})
    waiting = asyncio.create_task(readiness.wait(stages, "tts"))
    while not stages:
        await asyncio.sleep(0.01)
    fetched.set()
    await waiting
    assert set(stages) == {"downloading weights: 50 % of 0 kB"}


async def test_what_was_begun_ahead_of_time_is_waited_for_and_not_done_twice() -> None:
    times, done = 0, asyncio.Event()

    async def work(report: Report) -> None:
        nonlocal times
        times += 1
        await done.wait()

    readiness = Warmup({"tts": work})
    readiness.begin()
    waiting = asyncio.create_task(readiness.wait(Stages(), "tts"))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    done.set()
    await waiting
    assert times == 1


async def test_what_failed_is_tried_again_by_the_next_turn() -> None:
    times = 0

    async def fail(report: Report) -> None:
        nonlocal times
        times += 1
        raise ServiceError("The network is down.")

    readiness = Warmup({"tts": fail})
    await readiness.wait(Stages(), "tts")
    await readiness.wait(Stages(), "tts")
    assert times == 2


async def test_a_failure_is_left_to_the_turn_that_needs_it() -> None:
    async def fail(report: Report) -> None:
        raise ServiceError("The engine is not installed.")

    await Warmup({"tts": fail}).wait(Stages(), "tts")


async def test_closing_ends_what_goes_on() -> None:
    ended = asyncio.Event()

    async def work(report: Report) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    readiness = Warmup({"tts": work})
    readiness.begin()
    await asyncio.sleep(0)
    await readiness.close()
    assert ended.is_set()
