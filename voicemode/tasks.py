"""Concurrent work: tasks and threads, none of them left behind."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from voicemode.progress import Progress, Report

T = TypeVar("T")

REPORT_SECONDS = 0.5
"""Seconds between two progress reports of a thread."""


@asynccontextmanager
async def alongside(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Run `work` beside the block: awaited when the block succeeds, cancelled and awaited when it fails."""
    task = asyncio.create_task(work)
    try:
        yield task
        await task
    finally:
        await ended(task)


async def unless(signal: Coroutine[Any, Any, object], work: Coroutine[Any, Any, T]) -> T | None:
    """Return the result of `work`; None if `signal` returns first, after `work` has been cancelled and has ended."""
    waiting, working = asyncio.create_task(signal), asyncio.create_task(work)
    try:
        await asyncio.wait([waiting, working], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await ended(waiting, working)


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel `tasks` and wait until they have cleaned up, failed or not.

    Cancelling the caller, which an MCP library does again and again, does not reach the tasks a second time: an interrupted
    clean-up would leave a connection open.
    """
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()


def in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Run `work` in its own daemon thread: if it hangs, no executor runs out of threads and the program can still exit."""
    future: Future[T] = Future()

    def target() -> None:
        try:
            result = work()
        except BaseException as error:  # passed on to the future
            future.set_exception(error)
        else:
            future.set_result(result)

    future.set_running_or_notify_cancel()
    threading.Thread(target=target, name="voicemode-call", daemon=True).start()
    return asyncio.wrap_future(future)


async def reporting_in_thread(work: Callable[[Report], T], report: Report) -> T:
    """Run blocking `work` in a thread, return its result, and pass its reports on to `report` in this one.

    When cancelled, wait for the thread, which ends at its next report.
    """
    latest: Progress | None = None
    unwanted = threading.Event()

    def note(progress: Progress) -> None:
        nonlocal latest
        if unwanted.is_set():
            # Not an Exception: on one of those, a download would only try its next source.
            raise asyncio.CancelledError
        latest = progress

    working = in_thread(lambda: work(note))
    working.add_done_callback(seen)
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
    """Mark a failure of `future` as retrieved, so that asyncio does not log it if nobody awaits it."""
    if not future.cancelled():
        future.exception()


class BackgroundTasks:
    """Tasks that nobody awaits one by one; `settle` and `end` wait for all of them."""

    def __init__(self) -> None:
        self._tasks = set[asyncio.Task[None]]()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start `work` as a task."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` to its end even if the caller is cancelled, any number of times; `settle` waits for it then."""
        task = self.start(work)
        await asyncio.wait([task])
        task.result()

    async def settle(self) -> None:
        """Wait until all tasks are done."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def end(self) -> None:
        """Cancel all tasks and wait until they have cleaned up."""
        await ended(*self._tasks)
