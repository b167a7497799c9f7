"""The models that are loaded: the default one stays, others come with their first use and go some time after their last."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from voicemode.http_server.errors import ApiError
from voicemode.tasks import in_thread, seen

log = logging.getLogger(__name__)

E = TypeVar("E")

IDLE_SECONDS = 300.0


@dataclass(slots=True, eq=False)
class Held(Generic[E]):
    """A model, loaded or about to be."""

    engine: asyncio.Future[E]
    users: int = 0
    expiry: asyncio.TimerHandle | None = None

    @property
    def failed(self) -> bool:
        return self.engine.done() and (self.engine.cancelled() or self.engine.exception() is not None)

    @property
    def loaded(self) -> bool:
        return self.engine.done() and not self.failed

    def claim(self) -> None:
        self.users += 1
        if self.expiry:
            self.expiry.cancel()


class LoadedModels(Generic[E]):
    """Models by their names. All of it is used from one event loop."""

    def __init__(self, load: Callable[[str], E], default: str, *, idle_seconds: float = IDLE_SECONDS) -> None:
        """`load` is called in a thread with a name; what it raises is told to whoever wanted that model."""
        self.default = default
        self._load = load
        self._idle_seconds = idle_seconds
        self._held: dict[str, Held[E]] = {}

    @property
    def loaded(self) -> list[str]:
        """Names of the models that could be used at once."""
        return [name for name, held in self._held.items() if held.loaded]

    def get(self, model: str) -> asyncio.Future[E]:
        """`model`, being loaded if it was not there. After a load that failed, again: what was missing may be there now."""
        return self._find(model).engine

    def peek(self, model: str) -> asyncio.Future[E] | None:
        """Return the engine of `model`, loaded or on the way, if anybody has wanted it yet."""
        held = self._held.get(model)
        return held.engine if held else None

    @contextmanager
    def using(self, model: str) -> Iterator[asyncio.Future[E]]:
        """As `get`; `model` stays as long as this is open."""
        held = self._find(model)
        held.claim()
        try:
            yield held.engine
        finally:
            held.users -= 1
            if not held.users and model != self.default:
                held.expiry = asyncio.get_running_loop().call_later(self._idle_seconds, self._drop, model)

    async def close(self) -> None:
        """Wait for nothing any more. A thread that loads is left behind."""
        for held in self._held.values():
            held.engine.cancel()
            if held.expiry:
                held.expiry.cancel()
        await asyncio.gather(*(held.engine for held in self._held.values()), return_exceptions=True)

    def _find(self, model: str) -> Held[E]:
        held = self._held.get(model)
        if held is None or held.failed:
            held = self._held[model] = Held(asyncio.ensure_future(self._loading(model)))
            held.engine.add_done_callback(seen)
        return held

    async def _loading(self, model: str) -> E:
        try:
            return await in_thread(lambda: self._load(model))
        except ApiError:  # the client asked for what there is not
            raise
        except Exception:
            log.exception("The model %s could not be loaded.", model)
            raise

    def _drop(self, model: str) -> None:
        if model in self._held and not self._held[model].users:
            log.debug("Nobody has used %s for %g s.", model, self._idle_seconds)
            # In a thread: to free a gigabyte takes a while.
            threading.Thread(target=[self._held.pop(model)].clear, name="unload", daemon=True).start()
