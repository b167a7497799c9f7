"""The verbs for services, on real processes kept by a supervisor that does what it is told."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.hand_supervisor import HandSupervisor
from tests.support.parrots import install, installable, silent, stranger
from voicemode.config import Settings
from voicemode.errors import ServiceError
from voicemode.services import find
from voicemode.services.follow_settings import follow_settings
from voicemode.services.health import health
from voicemode.services.install.record import Record, save_record, service_dir
from voicemode.services.manager import Manager
from voicemode.services.port_owner import owner
from voicemode.services.process import ensure_running
from voicemode.services.service import Service
from voicemode.services.supervisors.unit import unit_for

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform == "win32", reason="the supervisor of these tests is POSIX")]


async def test_a_service_that_is_not_installed_is_absent(parrot: Service, manager: Manager, settings: Settings) -> None:
    status = await manager.status(parrot)
    assert (status.state, status.ours, status.port_owner, status.port) == ("absent", False, "", settings.whisper_port)


async def test_one_that_is_started_answers_and_tells_all_of_itself(
    parrot: Service, manager: Manager, installed: Record
) -> None:
    assert await manager.start(parrot, silent) == "Parrot is started."
    status = await manager.status(parrot)
    assert (status.word, status.runs, status.ours, status.enabled) == ("ready", "systemd", True, False)
    assert psutil.Process(status.pid).is_running()
    assert (status.model, status.version) == ("base", "99")
    assert status.memory_bytes > 1_000_000
    assert status.uptime_seconds > 0
    assert status.log == str(installed.unit.log)
    assert await manager.start(parrot, silent) == "Parrot runs already."


async def test_one_that_is_stopped_has_ended_and_says_how_to_start_it(
    parrot: Service, manager: Manager, installed: Record
) -> None:
    await manager.start(parrot, silent)
    pid = (await manager.status(parrot)).pid
    assert await manager.stop(parrot, silent) == "Parrot is stopped."
    assert not psutil.pid_exists(pid)
    status = await manager.status(parrot)
    assert (status.state, status.remedy.command) == ("stopped", "voicemode service start parrot")
    assert await manager.stop(parrot, silent) == "Parrot does not run."


async def test_one_that_is_restarted_is_another_process(parrot: Service, manager: Manager, installed: Record) -> None:
    await manager.start(parrot, silent)
    before = await manager.status(parrot)
    assert await manager.restart(parrot, silent) == "Parrot is restarted."
    after = await manager.status(parrot)
    assert (after.word, after.runs) == ("ready", "systemd")
    assert after.pid != before.pid


async def test_one_that_an_agent_started_is_taken_over_by_the_service(
    parrot: Service, manager: Manager, settings: Settings, supervisor: HandSupervisor
) -> None:
    await ensure_running(parrot, settings)
    on_demand = await manager.status(parrot)
    assert (on_demand.word, on_demand.runs) == ("ready", "by hand")  # the parrot has no --idle-minutes
    await install(parrot, settings, supervisor)
    assert await manager.start(parrot, silent) == "Parrot is started."
    status = await manager.status(parrot)
    assert status.runs == "systemd"
    assert status.pid != on_demand.pid


async def test_one_that_an_agent_started_can_be_stopped_and_started(parrot: Service, manager: Manager) -> None:
    assert await manager.start(parrot, silent) == "Parrot is started. It ends after 15 idle minutes."
    before = await manager.status(parrot)
    await manager.restart(parrot, silent)
    after = await manager.status(parrot)
    assert before.pid != after.pid
    assert after.ours
    assert await manager.stop(parrot, silent) == "Parrot is stopped."
    assert owner(after.port) is None


async def test_one_that_ends_at_once_is_explained_from_its_log(
    folder: Path, settings: Settings, supervisor: HandSupervisor, manager: Manager
) -> None:
    crashing = installable(folder, "crash")
    await install(crashing, settings, supervisor)
    with pytest.raises(ServiceError, match=r"Parrot does not start. It ended with exit code 1: no luck today") as error:
        await manager.start(crashing, silent)
    assert error.value.hint.command == "voicemode service logs parrot"
    assert await manager.log(crashing, 1) == ["no luck today"]


@pytest.mark.parametrize("verb", ["start", "restart"])
async def test_a_stranger_on_the_port_is_named_and_lives(
    verb: str, parrot: Service, manager: Manager, installed: Record, settings: Settings
) -> None:
    async with stranger(settings.whisper_port, b"HTTP/1.1 200 OK\r\n\r\n<html>"):
        act: Callable[..., Awaitable[str]] = getattr(manager, verb)
        with pytest.raises(ServiceError, match=rf"Port \d+ is taken by .*\(pid {psutil.Process().pid}, user ") as error:
            await act(parrot, silent)
        assert f"voicemode config set VOICEMODE_WHISPER_PORT {settings.whisper_port + 1}" in str(error.value.hint)
        assert await manager.stop(parrot, silent) == "Parrot does not run."
        await manager.uninstall(parrot, silent, models=False)
        assert await health(parrot.health_url(settings)), "it is still there"


async def test_what_starts_by_itself_can_be_chosen(parrot: Service, manager: Manager, installed: Record) -> None:
    told = await manager.enable(parrot, silent)
    assert told == "Parrot starts by itself from now on. It starts when somebody starts it."
    assert (await manager.status(parrot)).enabled
    await manager.disable(parrot, silent)
    assert not (await manager.status(parrot)).enabled


async def test_only_what_is_installed_can_start_by_itself(parrot: Service, manager: Manager) -> None:
    with pytest.raises(ServiceError, match="Parrot is not installed as a service") as error:
        await manager.enable(parrot, silent)
    assert str(error.value.hint) == "voicemode service install parrot"


async def test_nothing_of_an_uninstalled_service_is_left(
    parrot: Service, manager: Manager, installed: Record, settings: Settings, supervisor: HandSupervisor
) -> None:
    await manager.start(parrot, silent)
    pid = (await manager.status(parrot)).pid
    told = await manager.uninstall(parrot, silent, models=False)
    assert told[0].startswith("Parrot is uninstalled: unit, environment, log, ")
    assert "weights" not in told[0], "it has none"
    assert not psutil.pid_exists(pid)
    assert list(supervisor.folder.iterdir()) == []
    assert not [path for path in settings.base_dir.rglob("*") if path.is_file()]
    assert await manager.uninstall(parrot, silent, models=False) == ["There was nothing of Parrot to remove."]


async def test_what_works_with_another_base_directory_survives_an_uninstall(
    parrot: Service, manager: Manager, settings: Settings, supervisor: HandSupervisor, tmp_path: Path
) -> None:
    other = Manager(replace(settings, base_dir=tmp_path / "other"), supervisor)
    await ensure_running(parrot, settings)
    await install(parrot, replace(settings, whisper_threads=1), supervisor)
    assert await other.dependent(parrot) is None
    assert await other.uninstall(parrot, silent, models=False) == ["There was nothing of Parrot to remove."]
    assert await supervisor.look("parrot"), "it is registered by the other installation"
    found = await manager.dependent(parrot)
    assert found
    await manager.uninstall(parrot, silent, models=False)
    assert owner(settings.whisper_port) is None
    assert await supervisor.look("parrot") is None


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "enable", "disable", "unregister"])
async def test_what_another_supervisor_keeps_running_is_left_to_it_and_that_is_said(
    verb: str, parrot: Service, manager: Manager, installed: Record, settings: Settings, supervisor: HandSupervisor
) -> None:
    await manager.start(parrot, silent)
    save_record(parrot, settings, replace(installed, supervisor="launchd"))
    act: Callable[..., Awaitable[Any]] = getattr(manager, verb)
    with pytest.raises(ServiceError, match="kept running by launchd, which is not asked here") as error:
        await (act(parrot) if verb == "unregister" else act(parrot, silent))
    assert "VOICEMODE_SUPERVISOR=launchd" in str(error.value.hint)
    status = await manager.status(parrot)
    assert (status.ours, status.well, status.problem) == (True, False, error.value.message)


async def test_choosing_another_supervisor_tells_of_what_the_old_one_keeps(
    settings: Settings, supervisor: HandSupervisor
) -> None:
    whisper = find("whisper")
    unit = unit_for(whisper, settings, Path(sys.executable), ())
    service_dir(whisper, settings).mkdir(parents=True)
    save_record(whisper, settings, Record(version="1", environment=settings.base_dir, supervisor="launchd", unit=unit))
    (told,) = await follow_settings(settings, replace(settings, supervisor="systemd"), supervisor, silent)
    assert told.startswith("Whisper speech-to-text is kept running by launchd, which is not asked here")
