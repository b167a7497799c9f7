"""The room an engine works in: one engine, one job at a time, a short queue before the door."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from voicemode.errors import VoiceModeError
from voicemode.services._api.errors import ApiError

log = logging.getLogger(__name__)

E = TypeVar("E")
T = TypeVar("T")

WAITING = 8
"""Jobs that may wait while one is worked on."""


@dataclass(frozen=True, slots=True)
class State:
    """How the engine is."""

    status: Literal["loading", "ready", "failed"]
    error: str = ""
    """Why it failed, with what would help."""


class EngineRoom(Generic[E]):
    """Jobs for an engine that is loaded in the background; all of it is used from one event loop.

    A job is called in a thread with the engine and an event; once the event is set nobody wants the result any more,
    so it should look at it between its steps. A job that waits leaves the queue when its caller is cancelled.
    """

    def __init__(self, load: Callable[[], E], *, waiting: int = WAITING) -> None:
        self._load = load
        self._capacity = waiting + 1
        self._engine: asyncio.Future[E] | None = None
        self._turn = asyncio.Lock()
        self._jobs: set[asyncio.Task[object]] = set()
        self._busy = 0
        self._idle_since = time.monotonic()

    def open(self) -> None:
        """Start loading the engine. After a load that failed, load again: what was missing may be there now."""
        self._opened()

    def _opened(self) -> asyncio.Future[E]:
        if self._engine is None or self.state.status == "failed":
            self._engine = asyncio.ensure_future(self._loaded())
            self._engine.add_done_callback(seen)
        return self._engine

    async def close(self) -> None:
        """Give up whatever is still waiting or worked on. A thread that does not look at its event is left behind."""
        pending: list[asyncio.Future[object]] = [*self._jobs]
        if self._engine is not None and not self._engine.done():
            pending.append(self._engine)  # type: ignore[arg-type]
        for future in pending:
            future.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    @property
    def state(self) -> State:
        if self._engine is None or not self._engine.done():
            return State("loading")
        error = self._engine.exception()
        return State("ready") if error is None else State("failed", reason(error))

    @property
    def full(self) -> bool:
        """Would another job be turned away?"""
        return len(self._jobs) >= self._capacity

    @property
    def idle_seconds(self) -> float:
        """How long nothing has been asked for; 0 while something is."""
        return 0.0 if self._busy else time.monotonic() - self._idle_since

    @contextlib.contextmanager
    def occupied(self) -> Iterator[None]:
        """Not idle as long as this is open."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._idle_since = time.monotonic()

    async def run(self, job: Callable[[E, threading.Event], T]) -> T:
        """What `job` returns, once its turn has come.

        Raises ApiError 429 if too many are waiting, 503 if the engine cannot be loaded, and whatever the job raises.
        """
        task = self._admit(job)
        try:
            return await asyncio.shield(task)
        finally:
            task.cancel()

    async def stream(self, job: Callable[[E, threading.Event], Iterable[T]]) -> AsyncGenerator[T, None]:
        """What `job` yields, as it comes; close the generator to stop the job. Raises as `run`, at the first item."""
        items: asyncio.Queue[T | asyncio.Task[None]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def produce(engine: E, cancelled: threading.Event) -> None:
            for item in job(engine, cancelled):
                if cancelled.is_set():
                    return
                loop.call_soon_threadsafe(items.put_nowait, item)

        task = self._admit(produce)
        task.add_done_callback(items.put_nowait)
        try:
            while (item := await items.get()) is not task:
                yield item  # type: ignore[misc]
            await task
        finally:
            task.cancel()

    def _admit(self, job: Callable[[E, threading.Event], T]) -> asyncio.Task[T]:
        # The task outlives a caller that gives up: it keeps the turn until the thread has noticed.
        if self.full:
            raise ApiError(
                429,
                "Too many requests are waiting for this engine; ask again in a moment.",
                code="rate_limit_exceeded",
                headers={"Retry-After": "1"},
            )
        task = asyncio.create_task(self._work(self._opened(), job))
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        return task

    async def _work(self, loading: asyncio.Future[E], job: Callable[[E, threading.Event], T]) -> T:
        engine = await ready(loading)
        async with self._turn:
            cancelled = threading.Event()
            working = in_thread(lambda: job(engine, cancelled))
            try:
                return await asyncio.shield(working)
            finally:
                cancelled.set()
                await asyncio.wait([working])
                seen(working)

    async def _loaded(self) -> E:
        with self.occupied():
            try:
                return await in_thread(self._load)
            except Exception:
                log.exception("The engine could not be loaded.")
                raise


async def ready(loading: asyncio.Future[E]) -> E:
    """The engine once it is loaded. Raises ApiError."""
    try:
        return await asyncio.shield(loading)
    except Exception as error:
        raise ApiError(503, reason(error), code="model_not_loaded") from error


def seen(future: asyncio.Future[T]) -> None:
    """Tell asyncio that we know of a failure of `future`, even if nobody waits for it any more."""
    if not future.cancelled():
        future.exception()


def reason(error: BaseException) -> str:
    """Why the engine could not be loaded, for a client."""
    if isinstance(error, VoiceModeError):
        return str(error)
    return f"The engine could not be loaded ({type(error).__name__}); the log of the server has the details."


def in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """`work()` in a thread that does not keep the process alive, unlike those of an executor."""
    future: Future[T] = Future()

    def target() -> None:
        try:
            result = work()
        except BaseException as error:  # handed to whoever awaits the future
            future.set_exception(error)
        else:
            future.set_result(result)

    future.set_running_or_notify_cancel()
    threading.Thread(target=target, name="engine", daemon=True).start()
    return asyncio.wrap_future(future)
