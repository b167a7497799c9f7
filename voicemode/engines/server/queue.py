"""Execution of jobs on engines: several models, one job at a time, a short queue.

Parts: `loaded_models`, `scheduler` and `fair_queue` (the order of jobs), `clients` (client identification).
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from voicemode.engines.server.clients import Clients, Peer, owners
from voicemode.engines.server.loaded_models import LoadedModels
from voicemode.engines.server.scheduler import Scheduler
from voicemode.errors import NO_REMEDY, Remedy, VoiceModeError
from voicemode.http_server.errors import ApiError
from voicemode.http_server.journal import Activity
from voicemode.tasks import in_thread, seen

E = TypeVar("E")
T = TypeVar("T")

WAITING = 32
"""Most jobs that wait while one is running."""
NOBODY = Peer()


class GivenUpError(Exception):
    """The result is no longer needed. Ends a job that was about to continue."""


class JobSignals(threading.Event):
    """Signals to a job in its thread. Set once its result is no longer needed."""

    def __init__(self, turn: Callable[[], Awaitable[None]]) -> None:
        """`turn` waits on the event loop until the job can continue."""
        super().__init__()
        self._turn = turn
        self._loop = asyncio.get_running_loop()
        self._waiting: Future[None] | None = None

    def give_way(self) -> None:
        """Let short jobs go first; long jobs call this between their steps. Raises GivenUpError."""
        self._waiting = asyncio.run_coroutine_threadsafe(self._wait(), self._loop)
        try:
            self._waiting.result()
        except CancelledError:
            raise GivenUpError from None

    def give_up(self) -> None:
        """Set this event and wake the job if it is waiting. Called on the event loop."""
        self.set()
        if self._waiting:
            self._waiting.cancel()

    async def _wait(self) -> None:
        if self.is_set():
            raise asyncio.CancelledError
        await self._turn()


@dataclass(frozen=True, slots=True)
class ModelState:
    """State of the default model."""

    status: Literal["loading", "ready", "failed"]
    error: str = ""
    """Reason of a failed load."""
    remedy: Remedy = NO_REMEDY


class EngineHost(Generic[E]):
    """Runs jobs on engines that are loaded in the background; used from one event loop only.

    A job is called in a thread with the engine and its signals, which it should check between its steps: once they are
    set, its result is no longer needed. A waiting job leaves the queue when its caller is cancelled.
    """

    def __init__(
        self, shelf: LoadedModels[E], *, waiting: int = WAITING, name: Callable[[Peer], Awaitable[str]] | None = None
    ) -> None:
        """At most `waiting` jobs wait. `name` identifies clients; the default is `Clients.name`."""
        self._shelf = shelf
        self._turns = Scheduler(waiting)
        self.name = name or Clients(owners).name
        self._jobs: set[asyncio.Task[object]] = set()
        self.activity = Activity()

    def open(self) -> None:
        """Start loading the default model."""
        loading = contextlib.ExitStack()
        loading.enter_context(self.activity.occupied())
        self._shelf.get(self._shelf.default).add_done_callback(lambda _: loading.close())

    async def close(self) -> None:
        """Cancel all jobs and wait for the running ones to end. A thread that is loading a model is left behind."""
        pending = [*self._jobs]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await self._shelf.close()

    @property
    def state(self) -> ModelState:
        engine = self._shelf.peek(self._shelf.default)
        if engine is None or not engine.done():
            return ModelState("loading")
        error = engine.exception()
        if error is None:
            return ModelState("ready")
        told = failure(error)
        return ModelState("failed", told.message, told.hint)

    @property
    def loaded(self) -> list[str]:
        """Names of the models that are ready for use."""
        return self._shelf.loaded

    @property
    def waiting(self) -> int:
        """Number of waiting jobs."""
        return self._turns.waiting

    async def run(self, job: Callable[[E, JobSignals], T], *, model: str = "", peer: Peer = NOBODY) -> T:
        """Run `job` when its turn comes and return its result. An empty `model` is the default one; `peer` is the client.

        Raises ApiError 429 if too many are waiting, 503 if the model cannot be loaded, and whatever the job raises.
        """
        task = self._begin(job, model, peer)
        try:
            return await asyncio.shield(task)
        finally:
            task.cancel()

    async def stream(
        self, job: Callable[[E, JobSignals], Iterable[T]], *, model: str = "", peer: Peer = NOBODY
    ) -> AsyncGenerator[T, None]:
        """Yield the items of `job` as they come; closing the generator stops the job. Raises the same errors as `run`."""
        items: asyncio.Queue[T | asyncio.Task[None]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def produce(engine: E, signals: JobSignals) -> None:
            for item in job(engine, signals):
                if signals.is_set():
                    return
                loop.call_soon_threadsafe(items.put_nowait, item)

        task = self._begin(produce, model, peer)
        task.add_done_callback(items.put_nowait)
        try:
            while (item := await items.get()) is not task:
                yield item  # type: ignore[misc]
            await task
        finally:
            task.cancel()

    def _begin(self, job: Callable[[E, JobSignals], T], model: str, peer: Peer) -> asyncio.Task[T]:
        # The task outlives a cancelled caller: it keeps the turn until the thread has stopped.
        task = asyncio.create_task(self._work(job, model or self._shelf.default, peer))
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        return task

    async def _work(self, job: Callable[[E, JobSignals], T], model: str, peer: Peer) -> T:
        with self._shelf.using(model) as loading:
            client = await self.name(peer) if self._turns.taken or not loading.done() else ""
            async with self._turns.turn(client, loading) as ticket:
                engine, signals = await ready(loading), JobSignals(lambda: self._turns.give_way(ticket))
                working = in_thread(lambda: job(engine, signals))
                try:
                    return await asyncio.shield(working)
                finally:
                    signals.give_up()
                    await asyncio.wait([working])
                    seen(working)


async def ready(loading: asyncio.Future[E]) -> E:
    """Return the engine once it is loaded. Raises ApiError."""
    try:
        return await asyncio.shield(loading)
    except ApiError:
        raise
    except Exception as error:
        told = failure(error)
        raise ApiError(503, told.message, hint=told.hint, code="model_not_loaded") from error


def failure(error: BaseException) -> VoiceModeError:
    """Return why a model could not be loaded, as an error fit for clients."""
    if isinstance(error, VoiceModeError):
        return error
    return VoiceModeError(f"The engine could not be loaded ({type(error).__name__}); the log of the server has the details.")
