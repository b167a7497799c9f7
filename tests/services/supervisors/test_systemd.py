"""Services as user units: the file, and a real `systemd --user`."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.lodger import notes
from tests.support.paths import GOLDEN, SUPPORT
from tests.support.systemd import UserSystemd
from tests.support.units import (
    NASTY,
    PLAIN,
    TEXTS,
    leaves_a_crashing_one_alone,
    listing,
    lodger,
    takes_every_verb_twice,
    until,
    until_seen,
)
from voicemode.config import Settings
from voicemode.errors import ServiceError
from voicemode.services.supervisors.find import find_supervisor
from voicemode.services.supervisors.supervisor import Supervised, Supervisor
from voicemode.services.supervisors.systemd import ALL, confinement, quoted, render, understand

pytestmark = pytest.mark.anyio

SHOWN = {
    "ActiveState": "active",
    "SubState": "running",
    "Result": "success",
    "ExecMainCode": "0",
    "ExecMainStatus": "0",
    "MainPID": "7",
    "NRestarts": "0",
    "UnitFileState": "enabled",
}


@pytest.fixture
def supervisor(user_systemd: UserSystemd, tmp_path: Path) -> Supervisor:
    found = find_supervisor(Settings(base_dir=tmp_path / "base"))
    assert found.name == "systemd"
    return found


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder that is neither in a home nor in /tmp."""
    with tempfile.TemporaryDirectory(dir="/var/lib") as folder:
        yield Path(folder)


@pytest.mark.parametrize(("name", "able"), [("systemd-all.unit", ALL), ("systemd-252-weak.unit", frozenset[str]())])
def test_the_unit_is_as_it_was_agreed(name: str, able: frozenset[str]) -> None:
    assert render(PLAIN, able) == (GOLDEN / name).read_text()


@pytest.mark.skipif(not Path("/usr/bin/systemd-analyze").exists(), reason="needs systemd-analyze: apt-get install systemd")
def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    nasty = {f"NAME{number}": text for number, text in enumerate(NASTY)}
    folder = tmp_path / 'we %h "i" $r \\d; x'
    unit = replace(PLAIN, command=(sys.executable, *NASTY), environment=nasty, log=folder / "%n.log", writable=(folder,))
    path = tmp_path / "voicemode-whisper.service"
    for text in (render(unit, ALL - {"systemd-254"}), render(unit, frozenset())):
        path.write_text(text)
        command = ["systemd-analyze", "--user", "verify", "--man=no", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@given(st.lists(TEXTS, min_size=1))
def test_every_word_is_one_line_and_reads_back_as_it_was(words: list[str]) -> None:
    line = " ".join(map(quoted, words))
    assert "\n" not in line
    assert unquoted(line) == words


def unquoted(line: str) -> list[str]:
    """The words of a directive, as systemd.syntax(7) has it."""
    words, rest = [], line
    while rest:
        assert rest[0] == '"'
        word, place = "", 1
        while rest[place] != '"':
            step = 2 if rest[place] in "\\%" else 1
            part = rest[place : place + step]
            word += {"\\n": "\n", "\\t": "\t", "%%": "%"}.get(part, part[-1])
            assert step == 1 or part in ("\\\\", '\\"', "\\n", "\\t", "%%")
            place += step
        words.append(word)
        rest = rest[place + 1 :].removeprefix(" ")
    return words


@pytest.mark.parametrize("path", ["/a\nb", "/a\\", "/a\tb", "/a\x1bb", "/a "])
def test_a_path_that_no_unit_can_hold_is_refused_by_name(path: str) -> None:
    with pytest.raises(ServiceError, match="cannot be registered") as error:
        render(replace(PLAIN, log=Path(path)), ALL)
    assert repr(path) in str(error.value)


def test_a_service_that_lives_in_the_shared_tmp_keeps_it() -> None:
    private = "\nPrivateTmp=yes\n"
    assert private in render(PLAIN, ALL)
    assert private not in render(replace(PLAIN, log=Path("/tmp/x.log")), ALL)
    assert private not in render(replace(PLAIN, command=("/usr/bin/env", "/var/tmp/x")), ALL)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Supervised(state="running", enabled=True, pid=7)),
        ({"ActiveState": "inactive", "MainPID": "0"}, Supervised(state="stopped", enabled=True)),
        (
            {"ActiveState": "activating", "SubState": "auto-restart", "Result": "oom-kill", "NRestarts": "2", "MainPID": "0"},
            Supervised(state="starting", enabled=True, restarts=2, reason="out of memory"),
        ),
        (
            {
                "ActiveState": "failed",
                "Result": "signal",
                "ExecMainCode": "2",
                "ExecMainStatus": "9",
                "UnitFileState": "disabled",
            },
            Supervised(state="failed", enabled=False, pid=7, reason="signal 9"),
        ),
        (
            {"ActiveState": "failed", "Result": "exit-code", "ExecMainCode": "1", "ExecMainStatus": "3"},
            Supervised(state="failed", enabled=True, pid=7, reason="exit code 3"),
        ),
        ({"ActiveState": "failed", "Result": "timeout"}, Supervised(state="failed", enabled=True, pid=7, reason="timeout")),
    ],
)
def test_what_systemd_says_is_understood(changes: dict[str, str], expected: Supervised) -> None:
    assert understand(SHOWN | changes) == expected


async def test_it_lives_from_register_to_unregister_and_leaves_nothing(
    supervisor: Supervisor, user_systemd: UserSystemd, home: Path, tmp_path: Path
) -> None:
    before = listing(home)
    unit = lodger(tmp_path / "room", "steady")
    assert await supervisor.look("lodger") is None
    await supervisor.register(unit)
    assert await supervisor.look("lodger") == Supervised(state="stopped", enabled=False)
    await supervisor.start("lodger")
    seen = await until_seen(supervisor, lambda seen: seen.state == "running")
    await until(lambda: list(notes(tmp_path / "room")))
    ((pid, note),) = notes(tmp_path / "room")
    assert seen == Supervised(state="running", enabled=False, pid=pid)
    assert (note["cwd"], note["umask"], note["nice"]) == ("/", 0o077, 5)
    assert unit.log.read_text() == "here, steady\n"
    assert unit.log.stat().st_mode & 0o777 == 0o600

    text = await supervisor.enable("lodger")
    assert all(path.is_file() for path in supervisor.files(unit))
    assert "sudo loginctl enable-linger" in text, "there is no logind here"
    assert (await until_seen(supervisor, lambda seen: seen.enabled)).state == "running"
    await supervisor.disable("lodger")
    assert not (await until_seen(supervisor, lambda seen: True)).enabled
    await supervisor.restart("lodger")
    assert (await until_seen(supervisor, lambda seen: seen.state == "running")).pid != pid

    await supervisor.enable("lodger")
    await supervisor.unregister("lodger")
    assert await supervisor.look("lodger") is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert listing(home) == before
    assert "lodger" not in user_systemd.ask("systemctl", "--user", "list-units", "--all").stdout


async def test_killed_it_is_back_within_three_seconds(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.register(lodger(tmp_path, "steady"))
    await supervisor.start("lodger")
    first = await until_seen(supervisor, lambda seen: seen.pid != 0)
    began = time.monotonic()
    os.kill(first.pid, signal.SIGKILL)
    again = await until_seen(supervisor, lambda seen: seen.state == "running" and seen.pid not in (0, first.pid))
    assert time.monotonic() - began < 3
    assert again.restarts == 1


async def test_one_that_crashes_again_and_again_is_left_alone_and_says_why(supervisor: Supervisor, tmp_path: Path) -> None:
    await leaves_a_crashing_one_alone(supervisor, tmp_path, starts=5)


async def test_every_verb_may_be_said_twice(supervisor: Supervisor, tmp_path: Path) -> None:
    await takes_every_verb_twice(supervisor, tmp_path)
    assert len(list(notes(tmp_path))) == 1


async def test_one_that_ended_well_or_was_stopped_is_not_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.register(lodger(tmp_path, "brief"))
    await supervisor.start("lodger")
    assert await until_seen(supervisor, lambda seen: seen.state == "stopped") == Supervised(state="stopped", enabled=False)
    await supervisor.register(lodger(tmp_path, "steady"))
    await supervisor.start("lodger")
    await until_seen(supervisor, lambda seen: seen.state == "running")
    await supervisor.stop("lodger")
    assert await supervisor.look("lodger") == Supervised(state="stopped", enabled=False)


async def test_what_it_is_given_arrives_as_it_was(supervisor: Supervisor, tmp_path: Path) -> None:
    folder = tmp_path / 'we %h "i" $r \\d; x'
    environment = {f"NAME{number}": text for number, text in enumerate(NASTY)}
    await supervisor.register(lodger(folder, "steady", *NASTY, environment=environment))
    await supervisor.start("lodger")
    await until(lambda: list(notes(folder)))
    ((_, note),) = notes(folder)
    assert note["arguments"] == NASTY
    assert {name: text for name, text in note["environ"].items() if name in environment} == environment
    assert (folder / "logs/lodger.log").exists()


async def test_it_writes_in_its_own_folders_and_nowhere_else(supervisor: Supervisor, home: Path, elsewhere: Path) -> None:
    own, other = elsewhere / "own %n", elsewhere / "other"
    other.mkdir()
    # All that it needs is outside /tmp, so it has one of its own.
    script = elsewhere / "lodger.py"
    script.write_bytes((SUPPORT / "lodger.py").read_bytes())
    program = (str(Path(sys.executable).resolve()), str(script), str(own), "curious")
    unit = replace(lodger(own, "curious"), command=(*program, str(own), str(other), str(Path("/root")), str(elsewhere)))
    await supervisor.register(unit)
    await supervisor.start("lodger")
    await until(lambda: list(notes(own)))
    ((_, note),) = notes(own)
    assert note["written"] == [str(own), "/tmp"]
    assert not Path("/tmp/attempt").exists(), "that was a /tmp of its own"


async def test_where_systemd_cannot_confine_it_it_runs_all_the_same_and_that_is_said(
    weak_systemd: UserSystemd, tmp_path: Path
) -> None:
    supervisor = find_supervisor(Settings(base_dir=tmp_path / "base"))
    await supervisor.register(lodger(tmp_path / "room", "steady"))
    await supervisor.start("lodger")
    assert (await until_seen(supervisor, lambda seen: seen.state == "running")).restarts == 0
    assert "cannot confine it here" in await supervisor.enable("lodger")
    tried = weak_systemd.ask("systemd-run", "--user", "--wait", "--quiet", f"--property={confinement()[0]}", "true")
    assert tried.returncode != 0, "it is as weak as it should be"


async def test_a_program_that_is_not_there_is_an_error_with_what_systemd_says(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.register(lodger(tmp_path, "steady", command=("/no/such/program",)))
    with pytest.raises(ServiceError, match="voicemode-lodger") as error:
        await supervisor.start("lodger")
    assert str(error.value.hint) == "See: systemctl --user status"


async def test_a_systemd_that_is_gone_is_an_error_and_no_endless_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    supervisor = find_supervisor(Settings(base_dir=tmp_path / "base", supervisor="systemd"))
    with pytest.raises(ServiceError, match="systemctl"):
        await asyncio.wait_for(supervisor.register(lodger(tmp_path, "steady")), 30)


LOGINCTL = """#!/bin/sh
case "$2" in
  show-user) [ -e "{folder}/on" ] && echo Linger=yes || echo Linger=no ;;
  enable-linger) touch "{folder}/on" ;;
  disable-linger) rm "{folder}/on" ;;
esac
"""


async def test_it_outlives_the_login_where_that_is_allowed_and_gives_that_back_with_the_last_service(
    user_systemd: UserSystemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "loginctl").write_text(LOGINCTL.format(folder=tmp_path))
    (programs / "loginctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    supervisor = find_supervisor(Settings(base_dir=tmp_path / "base"))
    await supervisor.register(lodger(tmp_path, "steady"))
    await supervisor.register(lodger(tmp_path, "steady", name="other"))
    for _ in range(2):
        assert await supervisor.enable("lodger") == ""
    assert (tmp_path / "on").exists()
    await supervisor.unregister("lodger")
    assert (tmp_path / "on").exists(), "another service may need it"
    await supervisor.unregister("other")
    assert not (tmp_path / "on").exists()
