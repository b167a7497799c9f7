"""Loaded models: the default one stays, others are loaded on first use and unloaded some time after their last use."""

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
    """A model, loaded or loading."""

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
        """`load` is called in a thread with a model's name; its exception reaches all requests for that model."""
        self.default = default
        self._load = load
        self._idle_seconds = idle_seconds
        self._held: dict[str, Held[E]] = {}

    @property
    def loaded(self) -> list[str]:
        """Names of the models that are ready for use."""
        return [name for name, held in self._held.items() if held.loaded]

    def get(self, model: str) -> asyncio.Future[E]:
        """Return the engine of `model`, loading it if necessary. A failed load is retried: its cause can be gone by now."""
        return self._find(model).engine

    def peek(self, model: str) -> asyncio.Future[E] | None:
        """Return the engine of `model` if it is loaded, loading or failed; None otherwise."""
        held = self._held.get(model)
        return held.engine if held else None

    @contextmanager
    def using(self, model: str) -> Iterator[asyncio.Future[E]]:
        """As `get`; `model` stays loaded inside the block."""
        held = self._find(model)
        held.claim()
        try:
            yield held.engine
        finally:
            held.users -= 1
            if not held.users and model != self.default:
                held.expiry = asyncio.get_running_loop().call_later(self._idle_seconds, self._drop, model)

    async def close(self) -> None:
        """Cancel all loads and timers. A thread that is loading a model is left behind."""
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
        except ApiError:  # the client requested an unavailable model
            raise
        except Exception:
            log.exception("The model %s could not be loaded.", model)
            raise

    def _drop(self, model: str) -> None:
        if model in self._held and not self._held[model].users:
            log.debug("Nobody has used %s for %g s.", model, self._idle_seconds)
            # In a thread: freeing a gigabyte takes a while.
            threading.Thread(target=[self._held.pop(model)].clear, name="unload", daemon=True).start()
