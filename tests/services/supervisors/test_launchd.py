"""Services as agents of launchd: the property list, and the verbs through a stand-in for launchctl."""

import json
import os
import plistlib
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.lodger import notes
from tests.support.paths import GOLDEN, SUPPORT
from tests.support.units import NASTY, PLAIN, TEXTS, listing, lodger, until
from voicemode.config import Settings
from voicemode.errors import ServiceError
from voicemode.services.supervisors.find import find_supervisor
from voicemode.services.supervisors.launchd import render, understand
from voicemode.services.supervisors.supervisor import Supervised, Supervisor

pytestmark = pytest.mark.anyio

PROPERTY_LIST = GOLDEN / "launchd.plist"
LAUNCHCTL = SUPPORT / "launchctl.py"
LABEL = "dev.voicemode.lodger"


@pytest.fixture
def launchctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a stand-in for launchctl, which is first on the PATH. What it started has ended afterwards."""
    folder = tmp_path / "launchctl"
    folder.mkdir()
    program = folder / "bin/launchctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(LAUNCHCTL), str(folder)])} "$@"\n')
    program.chmod(0o755)
    (folder / "state.json").write_text('{"loaded": {}, "disabled": []}')
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    yield folder
    for job in json.loads((folder / "state.json").read_text())["loaded"].values():
        with suppress(ProcessLookupError):
            os.kill(job["pid"], signal.SIGKILL)


@pytest.fixture
def supervisor(launchctl: Path, tmp_path: Path) -> Supervisor:
    found = find_supervisor(Settings(base_dir=tmp_path / "base", supervisor="launchd"))
    assert found.name == "launchd"
    return found


def calls(launchctl: Path) -> list[str]:
    """Verbs that change something, so far."""
    verbs = [line.split()[0] for line in (launchctl / "calls").read_text().splitlines()]
    return [verb for verb in verbs if not verb.startswith("print")]


def test_the_property_list_is_as_it_was_agreed() -> None:
    assert render(PLAIN) == PROPERTY_LIST.read_text()
    agent = plistlib.loads(PROPERTY_LIST.read_bytes())
    assert agent["Label"] == "dev.voicemode.whisper"
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert (agent["Umask"], agent["Nice"], agent["ThrottleInterval"]) == (0o077, 5, 2)
    assert agent["SoftResourceLimits"] == {"ResidentSetSize": 1_500_000_000}


@given(st.lists(st.sampled_from(NASTY) | TEXTS, max_size=5))
def test_every_value_reads_back_as_it_was(texts: list[str]) -> None:
    environment = {f"NAME{number}": text for number, text in enumerate(texts)}
    agent = plistlib.loads(render(replace(PLAIN, command=("/x", *texts), environment=environment)).encode())
    assert agent["ProgramArguments"] == ["/x", *texts]
    assert agent["EnvironmentVariables"] == environment


def test_what_no_property_list_can_hold_is_refused_by_name() -> None:
    with pytest.raises(ServiceError, match=r"'/a\\x1bb' has characters that no unit can hold"):
        render(replace(PLAIN, log=Path("/a\x1bb")))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, Supervised(state="stopped", enabled=True)),
        (
            {"state": "running", "pid": "7", "runs": "3", "last exit code": "0", "last terminating signal": "Killed: 9"},
            Supervised(state="running", enabled=True, pid=7, restarts=2, reason="signal 9"),
        ),
        ({"state": "not running", "runs": "1", "last exit code": "0"}, Supervised(state="stopped", enabled=True)),
        (
            {"state": "spawn scheduled", "runs": "2", "last exit code": "78: EX_CONFIG"},
            Supervised(state="starting", enabled=True, restarts=1, reason="exit code 78"),
        ),
        (
            {"state": "spawn scheduled", "runs": "9", "last exit code": "1"},
            Supervised(state="failed", enabled=True, restarts=8, reason="exit code 1"),
        ),
        ({"state": "xpcproxy", "last exit code": "(never exited)"}, Supervised(state="starting", enabled=True)),
    ],
)
def test_what_launchd_says_is_understood(facts: dict[str, str], expected: Supervised) -> None:
    assert understand(facts, enabled=True) == expected


async def test_it_lives_from_register_to_unregister_and_leaves_nothing(
    supervisor: Supervisor, home: Path, tmp_path: Path
) -> None:
    (home / "Library").mkdir()
    before = listing(home)
    unit = lodger(tmp_path / "room", "steady", environment={"NAME": "va lue"})
    assert await supervisor.look("lodger") is None
    await supervisor.register(unit)
    assert await supervisor.look("lodger") == Supervised(state="stopped", enabled=False)
    await supervisor.start("lodger")
    await until(lambda: list(notes(tmp_path / "room")))
    ((pid, note),) = notes(tmp_path / "room")
    assert note["environ"]["NAME"] == "va lue"
    assert await supervisor.look("lodger") == Supervised(state="running", enabled=False, pid=pid)

    assert "while you are logged in" in await supervisor.enable("lodger")
    agent = home / f"Library/LaunchAgents/{LABEL}.plist"
    assert plistlib.loads(agent.read_bytes())["ProgramArguments"] == list(unit.command)
    assert {path: path.read_text() for path in supervisor.files(unit)} == supervisor.files(unit)
    assert (await supervisor.look("lodger")) == Supervised(state="running", enabled=True, pid=pid)

    await supervisor.restart("lodger")
    await until(lambda: len(list(notes(tmp_path / "room"))) == 2)
    await supervisor.unregister("lodger")
    assert await supervisor.look("lodger") is None
    assert listing(home) == before
    assert not (tmp_path / "base/services").exists()


async def test_every_verb_may_be_said_twice(supervisor: Supervisor, launchctl: Path, tmp_path: Path) -> None:
    await supervisor.unregister("lodger")
    for _ in range(2):
        await supervisor.register(lodger(tmp_path / "room", "steady"))
    for _ in range(2):
        await supervisor.start("lodger")
    assert calls(launchctl) == ["bootstrap"]
    for verb in (supervisor.enable, supervisor.disable, supervisor.stop, supervisor.unregister):
        for _ in range(2):
            await verb("lodger")
    assert calls(launchctl) == ["bootstrap", "enable", "enable", "bootout"]
    assert await supervisor.look("lodger") is None


async def test_registered_anew_while_enabled_it_is_new_at_the_next_login_too(
    supervisor: Supervisor, home: Path, tmp_path: Path
) -> None:
    await supervisor.register(lodger(tmp_path / "room", "steady"))
    await supervisor.enable("lodger")
    await supervisor.register(lodger(tmp_path / "room", "deaf"))
    agent = home / f"Library/LaunchAgents/{LABEL}.plist"
    assert plistlib.loads(agent.read_bytes())["ProgramArguments"][-1] == "deaf"


async def test_one_that_was_switched_off_in_the_settings_of_the_system_is_not_enabled_until_we_say_so(
    supervisor: Supervisor, launchctl: Path, tmp_path: Path
) -> None:
    await supervisor.register(lodger(tmp_path / "room", "steady"))
    await supervisor.enable("lodger")
    (launchctl / "state.json").write_text(f'{{"loaded": {{}}, "disabled": ["{LABEL}"]}}')
    assert await supervisor.look("lodger") == Supervised(state="stopped", enabled=False)
    with pytest.raises(ServiceError, match="Bootstrap failed: 5") as error:
        await supervisor.start("lodger")
    assert str(error.value.hint).startswith("See: launchctl print gui/")
    await supervisor.enable("lodger")
    await supervisor.start("lodger")


async def test_a_service_that_nobody_registered_cannot_be_enabled(supervisor: Supervisor) -> None:
    with pytest.raises(ServiceError, match="not registered") as error:
        await supervisor.enable("lodger")
    assert str(error.value.hint) == "voicemode service install lodger"
