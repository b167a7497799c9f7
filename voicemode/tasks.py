"""Work beside other work, never left behind."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
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


def in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Do `work` in a daemon thread of its own: if it hangs, no executor runs out of threads and the program can still end."""
    future: Future[T] = Future()

    def target() -> None:
        try:
            result = work()
        except BaseException as error:  # handed to whoever awaits the future
            future.set_exception(error)
        else:
            future.set_result(result)

    future.set_running_or_notify_cancel()
    threading.Thread(target=target, name="voicemode-call", daemon=True).start()
    return asyncio.wrap_future(future)


async def reporting_in_thread(work: Callable[[Report], T], report: Report) -> T:
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

    working = in_thread(lambda: work(note))
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


def seen(future: asyncio.Future[T]) -> None:
    """Tell asyncio that we know of a failure of `future`, even if nobody waits for it any more."""
    if not future.cancelled():
        future.exception()


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

    async def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` to its end, even if the caller is cancelled, once or again and again; `settle` waits for it then."""
        task = self.start(work)
        await asyncio.wait([task])
        task.result()

    async def settle(self) -> None:
        """Wait until all of it is done."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def end(self) -> None:
        """Cancel all of it, and wait until it has tidied up."""
        await ended(*self._tasks)
