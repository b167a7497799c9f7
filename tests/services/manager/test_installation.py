"""What an installation does to a service, and what it leaves where it fails."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.agents import free_ports
from tests.support.parrots import Hand, installable, silent
from voicemode.config import Settings, user_file
from voicemode.errors import ServiceError
from voicemode.services.install.environment import MARKER, Environments, python_of
from voicemode.services.install.install import Installation
from voicemode.services.install.installation import InstallOptions
from voicemode.services.install.origin import Origin
from voicemode.services.install.plan import Survey, Wish, plan, survey, wish_for
from voicemode.services.install.record import Record, load_record, save_record, service_dir
from voicemode.services.install.trial import tried_out
from voicemode.services.manager import Manager
from voicemode.services.port_owner import owner
from voicemode.services.process import ensure_running
from voicemode.services.service import Service
from voicemode.services.supervisors.supervisor import Supervised
from voicemode.services.supervisors.unit import unit_for

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform == "win32", reason="the supervisor of these tests is POSIX")]


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
    first = await survey(wish(parrot, settings), supervisor)
    await ensure_running(parrot, settings)  # after the plan was made
    done = await Installation(first, supervisor, silent).carry_out()
    assert "which was started on demand" in " ".join(done.did)
    assert (await manager.status(parrot)).runs == "systemd", "it is what answers, not the other"


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
    crashing = installable(folder, "crash")
    environment_of(crashing, settings)
    first = await survey(wish(crashing, settings), supervisor)
    with pytest.raises(ServiceError, match=r"Parrot does not start\. It ended with exit code 1: no luck"):
        await Installation(first, supervisor, silent).carry_out()
    assert list(supervisor.folder.iterdir()) == []
    assert load_record(crashing, settings) is None


async def test_an_installation_that_fails_leaves_a_stopped_service_stopped(
    folder: Path, settings: Settings, supervisor: Hand
) -> None:
    broken = installable(folder, "failed")
    python = python_of(environment_of(broken, settings))
    old = unit_for(broken, settings, python, ())
    save_record(broken, settings, Record(version="1", environment=python.parent.parent, supervisor="systemd", unit=old))
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
    save_record(parrot, settings, Record(version="1", environment=there, supervisor="systemd", unit=unit))
    stopped, failed = (Survey(None, None, Supervised(state=state, enabled=True)) for state in ("stopped", "failed"))
    assert plan(wish(parrot, settings), stopped, supervisor).environment == there
    again = plan(wish(parrot, settings), failed, supervisor)
    assert (again.recipe is not None, again.environment != there, again.upgrade) == (True, True, True)


async def test_what_another_supervisor_keeps_running_is_not_installed_a_second_time(
    parrot: Service, settings: Settings, supervisor: Hand, installed: Record
) -> None:
    save_record(parrot, settings, replace(installed, supervisor="launchd"))
    with pytest.raises(ServiceError, match="kept running by launchd, which is not asked here"):
        await survey(wish(parrot, settings), supervisor)


async def test_a_server_on_trial_ends_by_itself_should_whoever_tries_it_be_killed(
    parrot: Service, settings: Settings, folder: Path, tmp_path: Path
) -> None:
    done = await tried_out(parrot, settings, Path(sys.executable), tmp_path / "trial")
    assert done.startswith("listened to a melody")
    (note,) = folder.iterdir()
    assert json.loads(note.read_text())["options"] == ["--idle-minutes", "2"]
