"""Services that run follow the settings."""

import sys
from dataclasses import replace

import pytest

from tests.support.agents import free_ports
from tests.support.hand_supervisor import HandSupervisor
from tests.support.parrots import silent, stranger
from voicemode.config import Settings
from voicemode.errors import ServiceError
from voicemode.services import find
from voicemode.services.follow_settings import concerned, follow_settings
from voicemode.services.install.record import Record, load_record
from voicemode.services.manager import Manager
from voicemode.services.port_owner import owner
from voicemode.services.process import ensure_running
from voicemode.services.service import Service

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform == "win32", reason="the supervisor of these tests is POSIX")]


async def test_a_change_of_settings_restarts_what_reads_them_with_a_new_unit(
    parrot: Service, installed: Record, settings: Settings, supervisor: HandSupervisor, manager: Manager
) -> None:
    await manager.start(parrot, silent)
    before = await manager.status(parrot)
    changed = Manager(replace(settings, whisper_threads=3), supervisor)
    assert await changed.follow_settings(parrot, settings, silent) == "Parrot was restarted and works with it."
    assert (await changed.status(parrot)).pid != before.pid
    record = load_record(parrot, settings)
    assert record
    assert record.unit.environment["VOICEMODE_WHISPER_THREADS"] == "3"
    assert await changed.follow_settings(parrot, settings, silent) == "", "there was nothing to do"


async def test_a_service_moves_to_another_port(
    parrot: Service, installed: Record, settings: Settings, supervisor: HandSupervisor, manager: Manager
) -> None:
    await manager.start(parrot, silent)
    moved = replace(settings, whisper_port=free_ports(1)[0])
    await Manager(moved, supervisor).follow_settings(parrot, settings, silent)
    assert owner(settings.whisper_port) is None
    assert (await Manager(moved, supervisor).status(parrot)).ours


async def test_a_service_does_not_move_to_a_port_of_somebody_else(
    parrot: Service, installed: Record, settings: Settings, supervisor: HandSupervisor, manager: Manager
) -> None:
    await manager.start(parrot, silent)
    moved = replace(settings, whisper_port=free_ports(1)[0])
    async with stranger(moved.whisper_port, b"HTTP/1.1 200 OK\r\n\r\n"):
        with pytest.raises(ServiceError, match="is taken by"):
            await Manager(moved, supervisor).follow_settings(parrot, settings, silent)
    assert (await manager.status(parrot)).ours, "it runs where it was"


async def test_a_stopped_service_follows_when_it_is_started(
    parrot: Service, installed: Record, settings: Settings, supervisor: HandSupervisor
) -> None:
    changed = Manager(replace(settings, whisper_threads=3), supervisor)
    told = await changed.follow_settings(parrot, settings, silent)
    assert told == "Parrot works with it when it is started: voicemode service start parrot"
    assert (await changed.status(parrot)).state == "stopped"


async def test_one_that_an_agent_started_ends_and_comes_back_with_the_new_settings(
    parrot: Service, settings: Settings, supervisor: HandSupervisor
) -> None:
    await ensure_running(parrot, settings)
    moved = Manager(replace(settings, whisper_port=free_ports(1)[0]), supervisor)
    assert (
        await moved.follow_settings(parrot, settings, silent)
        == "Parrot has ended; it starts with the new settings when it is needed."
    )
    assert owner(settings.whisper_port) is None
    assert await moved.follow_settings(parrot, settings, silent) == ""


def test_a_change_concerns_the_services_that_read_it() -> None:
    settings = Settings()
    assert concerned(settings, replace(settings, tts_speed=2.0)) == []
    assert concerned(settings, replace(settings, whisper_model="tiny.en")) == [find("whisper")]
    assert concerned(settings, replace(settings, kokoro_threads=1)) == [find("kokoro")]
    assert concerned(settings, replace(settings, livekit_lan=True)) == [find("livekit")]
    assert concerned(settings, replace(settings, offline=True)) == [find("kokoro"), find("whisper")]


async def test_a_change_on_a_machine_without_services_does_nothing(settings: Settings, supervisor: HandSupervisor) -> None:
    whisper, kokoro, livekit, frontend = free_ports(4)
    before = replace(settings, whisper_port=whisper, kokoro_port=kokoro, livekit_port=livekit, frontend_port=frontend)
    assert await follow_settings(before, replace(before, log_level="debug"), supervisor, silent) == []
