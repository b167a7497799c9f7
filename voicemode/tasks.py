"""Work beside other work, never left behind."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from voicemode.progress import Progress, Report

T = TypeVar("T")

REPORT_SECONDS = 0.5
"""Between two reports of a thread."""


@asynccontextmanager
async def alongside(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Run `work` beside the block: waited for when the block ends well, cancelled and waited for when it fails."""
    task = asyncio.create_task(work)
    try:
        yield task
        await task
    finally:
        await ended(task)


async def unless(signal: Coroutine[Any, Any, object], work: Coroutine[Any, Any, T]) -> T | None:
    """Return the result of `work`; None if `signal` returns first: then `work` is cancelled and waited for."""
    waiting, working = asyncio.create_task(signal), asyncio.create_task(work)
    try:
        await asyncio.wait([waiting, working], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await ended(waiting, working)


async def surely(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end and return its result, even if the caller is cancelled, once or again and again."""
    task = asyncio.create_task(work)
    await asyncio.wait([task])
    return task.result()


async def in_thread(work: Callable[[Report], T], report: Report) -> T:
    """Return the result of `work`, which blocks, and `report` here what it reports there.

    Cancelled, it waits for the thread, which ends at its next report.
    """
    latest: Progress | None = None
    unwanted = threading.Event()

    def note(progress: Progress) -> None:
        nonlocal latest
        if unwanted.is_set():
            # No Exception: what goes wrong with one source of a download is answered by asking the next one.
            raise asyncio.CancelledError
        latest = progress

    working = asyncio.create_task(asyncio.to_thread(work, note))
    told, going = None, {working}
    try:
        while going:
            _, going = await asyncio.wait(going, timeout=REPORT_SECONDS)
            if latest is not None and latest != told:
                told = latest
                report(told)
    finally:
        unwanted.set()
        await asyncio.wait([working])
    return working.result()


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel `tasks` and wait until they have tidied up, well or not.

    Whoever waits here may be cancelled again, as an MCP library does until it is obeyed: that does not reach the tasks, for
    tidying up that is interrupted leaves a connection open.
    """
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()


class BackgroundTasks:
    """Work that nobody waits for, until somebody waits for all of it."""

    def __init__(self) -> None:
        self._tasks = set[asyncio.Task[None]]()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin `work`."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settle(self) -> None:
        """Wait until all of it is done."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def end(self) -> None:
        """Cancel all of it, and wait until it has tidied up."""
        await ended(*self._tasks)
