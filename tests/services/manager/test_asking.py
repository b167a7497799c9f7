"""An agent that needs a server asks whoever keeps it running."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.hand_supervisor import HandSupervisor
from tests.support.parrots import Hand, silent
from voicemode.config import Settings
from voicemode.errors import ServiceError
from voicemode.services.install.record import Record
from voicemode.services.logs import log_path
from voicemode.services.manager import Manager
from voicemode.services.process import ensure_running
from voicemode.services.service import Service
from voicemode.services.supervisors.supervisor import Supervised

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform == "win32", reason="the supervisor of these tests is POSIX")]


@asynccontextmanager
async def kept_by(seen: list[Supervised | None]) -> AsyncIterator[Callable[[Service, Settings], Awaitable[Supervised | None]]]:
    """A supervisor that says one thing after the other, the last one again and again."""

    async def ask(_service: Service, _settings: Settings) -> Supervised | None:
        return seen.pop(0) if len(seen) > 1 else seen[0]

    yield ask


async def test_an_agent_does_not_start_what_a_person_has_stopped(parrot: Service, settings: Settings, folder: Path) -> None:
    async with kept_by([Supervised(state="stopped", enabled=True)]) as ask:
        with pytest.raises(ServiceError, match="Parrot is installed as a service but stopped") as error:
            await ensure_running(parrot, settings, ask=ask)
    assert str(error.value.hint) == "voicemode service start parrot"
    assert list(folder.iterdir()) == []


async def test_while_a_service_is_restarted_nobody_takes_it_for_stopped(
    parrot: Service, manager: Manager, installed: Record, settings: Settings, supervisor: Hand
) -> None:
    await manager.start(parrot, silent)

    async def look(service: Service, _settings: Settings) -> Supervised | None:
        return await supervisor.look(service.name)

    supervisor.pause = asyncio.Event()
    restarting = asyncio.create_task(manager.restart(parrot, silent))
    await asyncio.wait_for(supervisor.stopped.wait(), 10)
    agent = asyncio.create_task(ensure_running(parrot, settings, ask=look))
    done, _ = await asyncio.wait([agent], timeout=0.2)
    assert not done
    supervisor.pause.set()
    await asyncio.wait_for(asyncio.gather(agent, restarting), 20)


async def test_an_agent_is_told_of_a_service_that_ends_again_and_again(parrot: Service, settings: Settings) -> None:
    async with kept_by([Supervised(state="failed", enabled=True)]) as ask:
        with pytest.raises(ServiceError, match="ends again and again") as error:
            await ensure_running(parrot, settings, ask=ask)
    assert str(error.value.hint) == "Why: voicemode service status parrot"


async def test_an_agent_waits_for_a_service_that_is_starting(
    parrot: Service, settings: Settings, supervisor: HandSupervisor, installed: Record, folder: Path
) -> None:
    async with kept_by([Supervised(state="starting", enabled=True)]) as ask:
        waiting = asyncio.create_task(ensure_running(parrot, settings, ask=ask))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        await supervisor.start(parrot.name)
        await asyncio.wait_for(waiting, 10)
    assert len(list(folder.iterdir())) == 1


async def test_an_agent_does_not_wait_for_ever(parrot: Service, settings: Settings) -> None:
    async with kept_by([Supervised(state="starting", enabled=True)]) as ask:
        with pytest.raises(ServiceError, match=r"has not answered for 0\.3 s"):
            await ensure_running(parrot, settings, limit_seconds=0.3, ask=ask)


async def test_an_agent_starts_what_is_not_registered_any_more(parrot: Service, settings: Settings, folder: Path) -> None:
    async with kept_by([None]) as ask:
        await ensure_running(parrot, settings, ask=ask)
    assert len(list(folder.iterdir())) == 1
    assert log_path("parrot", settings).exists()


async def test_a_healthy_server_costs_no_question_to_the_supervisor(parrot: Service, settings: Settings) -> None:
    await ensure_running(parrot, settings)

    async def never(_service: Service, _settings: Settings) -> Supervised | None:
        raise AssertionError("it was asked")

    await ensure_running(parrot, settings, ask=never)
