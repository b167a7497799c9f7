"""The verbs for services, on real processes kept by a supervisor that does what it is told."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.agents import free_ports
from tests.hand_supervisor import HandSupervisor
from tests.test_process import service as parrot_service
from tests.test_process import stranger
from voicemode.config import Settings, user_file
from voicemode.errors import ServiceError
from voicemode.services import find
from voicemode.services._base import Service
from voicemode.services._environment import MARKER, Environments, python_of
from voicemode.services._following import concerned, follow_settings
from voicemode.services._health import health
from voicemode.services._install import Installation
from voicemode.services._installation import InstallOptions
from voicemode.services._manager import Manager
from voicemode.services._origin import Origin
from voicemode.services._plan import Sight, Wish, plan, survey, wish_for
from voicemode.services._ports import owner
from voicemode.services._process import ensure_running, log_path
from voicemode.services._record import Record, load_record, save_record, service_dir
from voicemode.services._supervisor import Supervised
from voicemode.services._trial import tried_out
from voicemode.services._unit import unit_for

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform == "win32", reason="the supervisor of these tests is POSIX")]


async def silent(_stage: str) -> None:
    pass


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (port,) = free_ports(1)
    return Settings(base_dir=tmp_path / "base", whisper_port=port, offline=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where parrots note that they were started."""
    path = tmp_path / "started"
    path.mkdir()
    return path


class Hand(HandSupervisor):
    """Takes note of the end of what it started."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.pause: asyncio.Event | None = None
        """How long a restart takes between its two halves."""
        self.stopped = asyncio.Event()

    async def restart(self, name: str) -> None:
        await self.stop(name)
        self.stopped.set()
        if self.pause:
            await self.pause.wait()
        await self.start(name)

    def _spawn(self, unit: dict[str, Any]) -> "subprocess.Popen[bytes]":
        self.processes.append(super()._spawn(unit))
        return self.processes[-1]


@pytest.fixture
def supervisor(tmp_path: Path, folder: Path) -> Iterator[Hand]:
    """Nothing that was started outlives it."""
    hand = Hand(tmp_path / "units")
    yield hand
    for path in folder.glob("started-*"):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(int(path.name.partition("-")[2])).kill()
    for process in hand.processes:
        process.wait(5)
    for thread in threading.enumerate():
        if thread.name == "parrot-reaper":
            thread.join(5)


@pytest.fixture
def parrot(folder: Path) -> Service:
    service = parrot_service(folder)
    return replace(service, installed_command=service.command)


@pytest.fixture
def manager(settings: Settings, supervisor: HandSupervisor) -> Manager:
    return Manager(settings, supervisor)


async def install(parrot: Service, settings: Settings, supervisor: HandSupervisor) -> Record:
    """As an installation leaves it, less the environment: Python is the one that runs the test."""
    environment = settings.services_dir / parrot.name / "environments/0123456789abcdef-00ff"
    python_of(environment).parent.mkdir(parents=True)
    python_of(environment).symlink_to(sys.executable)
    unit = unit_for(parrot, settings, python_of(environment), ())
    record = Record(version="1", environment=environment, supervisor=supervisor.name, unit=unit)
    await supervisor.register(unit)
    save_record(parrot, settings, record)
    return record


@pytest.fixture
async def installed(parrot: Service, settings: Settings, supervisor: HandSupervisor) -> Record:
    return await install(parrot, settings, supervisor)


async def test_a_service_that_is_not_installed_is_absent(parrot: Service, manager: Manager, settings: Settings) -> None:
    status = await manager.status(parrot)
    assert (status.state, status.ours, status.port_owner, status.port) == ("absent", False, "", settings.whisper_port)


async def test_one_that_is_started_answers_and_tells_all_of_itself(
    parrot: Service, manager: Manager, installed: Record
) -> None:
    assert await manager.start(parrot, silent) == "Parrot is started."
    status = await manager.status(parrot)
    assert (status.word, status.runs, status.ours, status.enabled) == ("ready", "voicemode", True, False)
    assert psutil.Process(status.pid).is_running()
    assert (status.model, status.version) == ("base", "0")
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
    assert (status.state, status.remedy) == ("stopped", "voicemode service start parrot")
    assert await manager.stop(parrot, silent) == "Parrot does not run."


async def test_one_that_is_restarted_is_another_process(parrot: Service, manager: Manager, installed: Record) -> None:
    await manager.start(parrot, silent)
    before = await manager.status(parrot)
    assert await manager.restart(parrot, silent) == "Parrot is restarted."
    after = await manager.status(parrot)
    assert (after.word, after.runs) == ("ready", "voicemode")
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
    assert status.runs == "voicemode"
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
    crashing = parrot_service(folder, "crash")
    crashing = replace(crashing, installed_command=crashing.command)
    await install(crashing, settings, supervisor)
    with pytest.raises(ServiceError, match=r"Parrot does not start. It ended with exit code 1: no luck today") as error:
        await manager.start(crashing, silent)
    assert error.value.hint == "voicemode service logs parrot"
    assert await manager.log(crashing, 1) == ["no luck today"]


@pytest.mark.parametrize("verb", ["start", "restart"])
async def test_a_stranger_on_the_port_is_named_and_lives(
    verb: str, parrot: Service, manager: Manager, installed: Record, settings: Settings
) -> None:
    async with stranger(settings.whisper_port, b"HTTP/1.1 200 OK\r\n\r\n<html>"):
        act: Callable[..., Awaitable[str]] = getattr(manager, verb)
        with pytest.raises(ServiceError, match=rf"Port \d+ is taken by .*\(pid {psutil.Process().pid}, user ") as error:
            await act(parrot, silent)
        assert f"voicemode config set VOICEMODE_WHISPER_PORT {settings.whisper_port + 1}" in error.value.hint
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
    assert error.value.hint == "voicemode service install parrot"


async def test_nothing_of_an_uninstalled_service_is_left(
    parrot: Service, manager: Manager, installed: Record, settings: Settings, supervisor: HandSupervisor
) -> None:
    await manager.start(parrot, silent)
    pid = (await manager.status(parrot)).pid
    told = await manager.uninstall(parrot, silent, models=False)
    assert told[0].startswith("Parrot is uninstalled: unit, environment, log, ")
    assert told[0].endswith(" Its weights are kept.")
    assert not psutil.pid_exists(pid)
    assert list(supervisor.folder.iterdir()) == []
    assert not [path for path in settings.base_dir.rglob("*") if path.is_file()]
    assert await manager.uninstall(parrot, silent, models=False) == ["There was nothing of Parrot to remove."]


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "enable", "disable", "unregister"])
async def test_what_another_supervisor_keeps_running_is_left_to_it_and_that_is_said(
    verb: str, parrot: Service, manager: Manager, installed: Record, settings: Settings, supervisor: HandSupervisor
) -> None:
    await manager.start(parrot, silent)
    save_record(parrot, settings, replace(installed, supervisor="systemd"))
    act: Callable[..., Awaitable[Any]] = getattr(manager, verb)
    with pytest.raises(ServiceError, match="kept running by systemd, which is not asked here") as error:
        await (act(parrot) if verb == "unregister" else act(parrot, silent))
    assert "VOICEMODE_SUPERVISOR=systemd" in error.value.hint
    status = await manager.status(parrot)
    assert (status.ours, status.well, status.problem) == (True, False, error.value.message)


async def test_choosing_another_supervisor_tells_of_what_the_old_one_keeps(
    settings: Settings, supervisor: HandSupervisor
) -> None:
    whisper = find("whisper")
    unit = unit_for(whisper, settings, Path(sys.executable), ())
    service_dir(whisper, settings).mkdir(parents=True)
    save_record(whisper, settings, Record(version="1", environment=settings.base_dir, supervisor="systemd", unit=unit))
    (told,) = await follow_settings(settings, replace(settings, supervisor="voicemode"), supervisor, silent)
    assert told.startswith("Whisper speech-to-text is kept running by systemd, which is not asked here")


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
    assert concerned(settings, replace(settings, kokoro_port=1)) == [find("kokoro")]
    assert concerned(settings, replace(settings, log_level="debug")) == [find("kokoro"), find("whisper")]


async def test_a_change_on_a_machine_without_services_does_nothing(settings: Settings, supervisor: HandSupervisor) -> None:
    ports = free_ports(2)
    before = replace(settings, whisper_port=ports[0], kokoro_port=ports[1])
    assert await follow_settings(before, replace(before, log_level="debug"), supervisor, silent) == []


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
    assert error.value.hint == "voicemode service start parrot"
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
    assert error.value.hint == "Why: voicemode service status parrot"


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
    assert log_path(parrot, settings).exists()


async def test_a_healthy_server_costs_no_question_to_the_supervisor(parrot: Service, settings: Settings) -> None:
    await ensure_running(parrot, settings)

    async def never(_service: Service, _settings: Settings) -> Supervised | None:
        raise AssertionError("it was asked")

    await ensure_running(parrot, settings, ask=never)


ORIGIN = Origin("1", "==1", "one")


def wish(parrot: Service, settings: Settings) -> Wish:
    return wish_for(parrot, settings, InstallOptions(), ORIGIN)


def environment_of(parrot: Service, settings: Settings) -> Path:
    """One that is complete: nothing has to be installed into it."""
    folder = Environments(service_dir(parrot, settings) / "environments").new(ORIGIN.fingerprint(parrot.extra))
    python_of(folder).parent.mkdir(parents=True)
    python_of(folder).symlink_to(sys.executable)
    (folder / MARKER).write_text(ORIGIN.fingerprint(parrot.extra))
    return folder


async def test_what_an_agent_started_while_a_service_was_installed_is_replaced_by_it(
    parrot: Service, settings: Settings, supervisor: Hand, manager: Manager
) -> None:
    environment_of(parrot, settings)

    async def report(stage: str) -> None:
        if stage.startswith("Registering"):  # the plan is made
            await ensure_running(parrot, settings)

    first = await survey(wish(parrot, settings), supervisor)
    done = await Installation(first, supervisor, report).carry_out()
    assert "which was started on demand" in " ".join(done.did)
    assert (await manager.status(parrot)).runs == "voicemode", "it is what answers, not the other"


async def test_a_chosen_port_is_where_it_is_installed_and_if_the_environment_overrules_it_that_is_told(
    parrot: Service, settings: Settings, supervisor: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEMODE_WHISPER_PORT", str(settings.whisper_port))
    environment_of(parrot, settings)
    (port,) = free_ports(1)
    first = await survey(wish_for(parrot, settings, InstallOptions(port=port), ORIGIN), supervisor)
    done = await Installation(first, supervisor, silent).carry_out()
    assert done.url == f"http://127.0.0.1:{port}/v1"
    assert f"VOICEMODE_WHISPER_PORT={port}" in user_file().read_text()
    assert (await Manager(replace(settings, whisper_port=port), supervisor).status(parrot)).ours
    assert "It has no effect here: VOICEMODE_WHISPER_PORT is also set in the environment, which wins." in done.notices


async def test_of_a_first_installation_that_does_not_start_nothing_is_registered(
    folder: Path, settings: Settings, supervisor: Hand
) -> None:
    crashing = parrot_service(folder, "crash")
    crashing = replace(crashing, installed_command=crashing.command)
    environment_of(crashing, settings)
    first = await survey(wish(crashing, settings), supervisor)
    with pytest.raises(ServiceError, match=r"Parrot does not start\. It ended with exit code 1: no luck"):
        await Installation(first, supervisor, silent).carry_out()
    assert list(supervisor.folder.iterdir()) == []
    assert load_record(crashing, settings) is None


async def test_an_installation_that_fails_leaves_a_stopped_service_stopped(
    folder: Path, settings: Settings, supervisor: Hand
) -> None:
    broken = parrot_service(folder, "failed")
    broken = replace(broken, installed_command=broken.command)
    python = python_of(environment_of(broken, settings))
    old = unit_for(broken, settings, python, ())
    save_record(broken, settings, Record(version="1", environment=python.parent.parent, supervisor="voicemode", unit=old))
    await supervisor.register(old)
    change = await survey(wish(broken, replace(settings, whisper_threads=3)), supervisor)
    with pytest.raises(ServiceError, match="cannot load its engine"):
        await Installation(change, supervisor, silent).carry_out()
    assert owner(settings.whisper_port) is None
    assert json.loads((supervisor.folder / "parrot.json").read_text())["environment"] == old.environment


async def test_an_environment_whose_service_ends_again_and_again_is_made_anew(
    parrot: Service, settings: Settings, supervisor: Hand
) -> None:
    there = environment_of(parrot, settings)
    unit = unit_for(parrot, settings, python_of(there), ())
    save_record(parrot, settings, Record(version="1", environment=there, supervisor="voicemode", unit=unit))
    stopped, failed = (Sight(None, None, Supervised(state=state, enabled=True)) for state in ("stopped", "failed"))
    assert plan(wish(parrot, settings), stopped, supervisor).environment == there
    again = plan(wish(parrot, settings), failed, supervisor)
    assert (again.recipe is not None, again.environment != there, again.upgrade) == (True, True, True)


async def test_what_another_supervisor_keeps_running_is_not_installed_a_second_time(
    parrot: Service, settings: Settings, supervisor: Hand, installed: Record
) -> None:
    save_record(parrot, settings, replace(installed, supervisor="systemd"))
    with pytest.raises(ServiceError, match="kept running by systemd, which is not asked here"):
        await survey(wish(parrot, settings), supervisor)


async def test_a_server_on_trial_ends_by_itself_should_whoever_tries_it_be_killed(
    parrot: Service, settings: Settings, folder: Path, tmp_path: Path
) -> None:
    done = await tried_out(parrot, settings, Path(sys.executable), tmp_path / "trial")
    assert done.startswith("listened to a melody")
    (note,) = folder.iterdir()
    assert json.loads(note.read_text())["options"] == ["--idle-minutes", "2"]
