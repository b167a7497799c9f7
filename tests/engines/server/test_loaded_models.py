"""Which models are loaded, and for how long."""

import asyncio
import threading
import weakref
from collections.abc import Callable

import pytest

from voicemode.engines.server.loaded_models import LoadedModels
from voicemode.errors import WeightsError

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 10
AT_ONCE = 0.02
NEVER = 3600.0


class Engine:
    """Notes when it is gone."""

    def __init__(self, name: str, gone: Callable[[], object]) -> None:
        self.name = name
        weakref.finalize(self, gone)


class Warehouse:
    """Where models come from."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.gone = threading.Semaphore(0)
        self.failures: list[Exception] = []

    def load(self, name: str) -> Engine:
        self.loads.append(name)
        if self.failures:
            raise self.failures.pop()
        return Engine(name, self.gone.release)

    async def unloaded(self) -> None:
        """Wait until one more model is gone from memory."""
        assert await asyncio.to_thread(self.gone.acquire, timeout=WAIT_SECONDS)


async def used(shelf: LoadedModels[Engine], name: str) -> str:
    with shelf.using(name) as loading:
        return (await asyncio.wait_for(asyncio.shield(loading), WAIT_SECONDS)).name


async def test_a_model_is_loaded_once_for_all_who_want_it() -> None:
    warehouse = Warehouse()
    shelf = LoadedModels(warehouse.load, "base")
    assert await asyncio.gather(*(used(shelf, name) for name in ("small", "base", "small"))) == ["small", "base", "small"]
    assert await used(shelf, "small") == "small"
    assert sorted(warehouse.loads) == ["base", "small"]
    assert sorted(shelf.loaded) == ["base", "small"]
    await shelf.close()


async def test_an_idle_model_goes_from_memory_and_the_default_one_stays() -> None:
    warehouse = Warehouse()
    shelf = LoadedModels(warehouse.load, "base", idle_seconds=AT_ONCE)
    await used(shelf, "base")
    await used(shelf, "small")
    await warehouse.unloaded()
    assert shelf.loaded == ["base"]
    await used(shelf, "small")
    assert warehouse.loads == ["base", "small", "small"]
    await shelf.close()


async def test_a_model_in_use_is_not_unloaded_however_long_that_takes() -> None:
    warehouse = Warehouse()
    shelf = LoadedModels(warehouse.load, "base", idle_seconds=AT_ONCE)
    with shelf.using("small"):
        await used(shelf, "small")
        await used(shelf, "tiny")
        await warehouse.unloaded()
        assert shelf.loaded == ["small"], "tiny was idle for longer than small would have been"
    await warehouse.unloaded()
    assert shelf.loaded == []
    await shelf.close()


async def test_a_model_that_could_not_be_loaded_is_tried_again_by_the_next_one() -> None:
    warehouse = Warehouse()
    warehouse.failures = [WeightsError("No weights.")]
    shelf = LoadedModels(warehouse.load, "base")
    with pytest.raises(WeightsError):
        await used(shelf, "base")
    assert shelf.loaded == []
    assert (looked := shelf.peek("base"))
    assert isinstance(looked.exception(), WeightsError), "to look is not to try"
    assert await used(shelf, "base") == "base"


async def test_a_shelf_can_be_closed_while_a_model_is_loading_or_waits_to_be_unloaded() -> None:
    warehouse, never = Warehouse(), threading.Event()

    def load(name: str) -> Engine:
        if name == "large":
            never.wait(WAIT_SECONDS)
        return warehouse.load(name)

    shelf = LoadedModels(load, "base", idle_seconds=NEVER)
    await used(shelf, "small")
    loading = shelf.get("large")
    await asyncio.wait_for(shelf.close(), WAIT_SECONDS)
    assert loading.cancelled()
    never.set()
