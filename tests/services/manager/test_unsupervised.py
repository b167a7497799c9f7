"""The verbs for services where neither systemd nor launchd keeps them running."""

import sys
from dataclasses import replace

import pytest

from tests.services.manager.test_installation import environment_of, wish
from tests.support.agents import free_ports
from tests.support.parrots import silent
from voicemode.config import Settings
from voicemode.errors import ServiceError
from voicemode.services.install.install import Installation
from voicemode.services.install.plan import survey
from voicemode.services.install.record import load_record
from voicemode.services.manager import Manager
from voicemode.services.port_owner import owner
from voicemode.services.process import LocalServer, ensure_running
from voicemode.services.service import Service
from voicemode.services.supervisors.unsupervised import Unsupervised

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform == "win32", reason="the parrot's environment is a link")]
ALONE = Unsupervised()


@pytest.fixture
def manager(settings: Settings) -> Manager:
    return Manager(settings, ALONE)


async def install(parrot: Service, settings: Settings) -> str:
    if load_record(parrot, settings) is None:
        environment_of(parrot, settings)
    done = await Installation(await survey(wish(parrot, settings), ALONE), ALONE, silent).carry_out()
    return str(done)


async def test_what_is_installed_was_tried_out_and_starts_when_it_is_needed(parrot: Service, settings: Settings) -> None:
    said = await install(parrot, settings)
    assert said.startswith(f"parrot is installed and will answer at http://127.0.0.1:{settings.whisper_port}/v1.")
    assert "tried it out on a spare port: it listened to a melody" in said
    assert said.endswith("It starts by itself when it is needed.")
    assert owner(settings.whisper_port) is None
    assert (await install(parrot, settings)).endswith("nothing to do.\nIt starts by itself when it is needed.")
    missing = replace(parrot, modules=("no_such_engine",))
    assert LocalServer(missing, settings).installed, "in an environment of its own"
    await ensure_running(missing, settings)
    found = owner(settings.whisper_port)
    assert found
    assert found.command[0].startswith(str(settings.services_dir)), "it runs from there"


async def test_it_is_started_looked_at_restarted_and_stopped(parrot: Service, settings: Settings, manager: Manager) -> None:
    await install(parrot, settings)
    status = await manager.status(parrot)
    assert (status.word, status.runs, str(status.remedy)) == ("not running", "on demand", "It starts when it is needed")
    assert await manager.start(parrot, silent) == "Parrot is started. It ends after 15 idle minutes."
    before = await manager.status(parrot)
    assert (before.word, before.ours) == ("ready", True)
    assert await manager.start(parrot, silent) == "Parrot runs already."
    await manager.restart(parrot, silent)
    assert (await manager.status(parrot)).pid != before.pid
    assert await manager.stop(parrot, silent) == "Parrot is stopped."
    assert await manager.stop(parrot, silent) == "Parrot does not run."
    await ensure_running(parrot, settings)
    assert (await manager.status(parrot)).ours, "stopping it does not keep an agent from needing it"


async def test_what_nobody_starts_on_demand_is_started_by_hand(parrot: Service, settings: Settings, manager: Manager) -> None:
    server = replace(parrot, on_demand=False)
    assert (await manager.status(server)).remedy.command == "voicemode service install parrot"
    assert (await install(server, settings)).endswith("Start it when you need it: voicemode service start parrot")
    assert (await manager.status(server)).remedy.command == "voicemode service start parrot"
    assert await manager.start(server, silent) == "Parrot is started. To end it: voicemode service stop parrot"
    moved = replace(settings, whisper_port=free_ports(1)[0])
    told = await Manager(moved, ALONE).follow_settings(server, settings, silent)
    assert told == "Parrot was restarted and works with it."
    assert owner(settings.whisper_port) is None
    assert (await Manager(moved, ALONE).status(server)).runs == "by hand"


@pytest.mark.parametrize("verb", ["enable", "disable"])
async def test_nothing_can_start_at_login(verb: str, parrot: Service, settings: Settings, manager: Manager) -> None:
    await install(parrot, settings)
    with pytest.raises(ServiceError, match="Neither systemd nor launchd is here to start Parrot at login") as error:
        await getattr(manager, verb)(parrot, silent)
    assert str(error.value.hint) == "It starts by itself when it is needed."


async def test_an_installation_ends_what_runs_of_the_one_before(parrot: Service, settings: Settings, manager: Manager) -> None:
    await install(parrot, settings)
    await manager.start(parrot, silent)
    assert "which was started on demand" in await install(parrot, replace(settings, whisper_threads=3))
    assert owner(settings.whisper_port) is None


async def test_nothing_of_an_uninstalled_service_is_left(parrot: Service, settings: Settings, manager: Manager) -> None:
    await install(parrot, settings)
    await manager.start(parrot, silent)
    told = await manager.uninstall(parrot, silent, models=False)
    assert told[0].startswith("Parrot is uninstalled: environment, log, ")
    assert owner(settings.whisper_port) is None
    assert not [path for path in settings.base_dir.rglob("*") if path.is_file()]
