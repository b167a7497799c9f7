"""Our own supervisor, with real processes."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.lodger import notes
from tests.support.paths import REPOSITORY
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
from voicemode.services._autostart import autostart, desktop_quoted
from voicemode.services._watch import Identity, Watch, WatchFolder
from voicemode.services._watched import KILLED, understand
from voicemode.services._watchman import CRASHES, ending, lasting_environment, pause_seconds
from voicemode.services.detached import LOG_BYTES
from voicemode.services.supervisors.find import find_supervisor
from voicemode.services.supervisors.supervisor import Supervised, Supervisor

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(base_dir=tmp_path / "base", supervisor="voicemode")


@pytest.fixture
async def supervisor(settings: Settings) -> AsyncIterator[Supervisor]:
    """Nothing that it started is left afterwards, nor is a thread."""
    found = find_supervisor(settings)
    assert found.name == "voicemode"
    yield found
    for folder in settings.services_dir.glob("*"):
        await found.unregister(folder.name)
    for thread in threading.enumerate():
        if thread.name.endswith("-reaper"):
            await asyncio.to_thread(thread.join, 10)


@pytest.fixture
def folder(settings: Settings) -> WatchFolder:
    return WatchFolder(settings.services_dir / "lodger")


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Where the lodger notes that it was started."""
    return tmp_path / "room"


def alive(pid: int) -> bool:
    return Identity.of(pid).find() is not None


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([0.0], 0.25),
        ([0.0, 1.0], 0.5),
        ([0.0, 1.0, 2.0, 3.0], 2.0),
        ([0.0, 1.0, 2.0, 3.0, 59.0], None),
        ([0.0, 1.0, 2.0, 3.0, 60.0], 2.0),
        ([float(hour * 3600) for hour in range(100)], 0.25),
    ],
)
def test_it_waits_longer_after_each_crash_and_gives_up_after_five_in_a_minute(ends: list[float], expected: float) -> None:
    assert pause_seconds(ends) == expected


@pytest.mark.parametrize(
    ("status", "asked", "expected"),
    [
        (0, False, ""),
        (1, False, "exit code 1"),
        (-9, False, "signal 9"),
        (-signal.SIGTERM, False, ""),
        (-9, True, ""),
    ],
)
def test_an_ending_is_said_in_words(status: int, asked: bool, expected: str) -> None:
    assert ending(status, asked=asked) == expected


def test_a_process_is_not_mistaken_for_another_with_its_number() -> None:
    own = Identity.of(os.getpid())
    assert own.find()
    assert Identity(own.pid, own.created - 1).find() is None
    assert Identity().find() is None


def test_what_a_watchman_that_is_gone_wrote_down_is_not_believed() -> None:
    here = Identity.of(os.getpid())
    assert understand(Watch(watchman=here, service=here, state="running"), enabled=False).state == "running"
    gone = understand(Watch(watchman=Identity(1, 1.0), state="running"), enabled=True)
    assert gone == Supervised(state="failed", enabled=True, reason=KILLED)
    ended = understand(Watch(watchman=Identity(1, 1.0), state="stopped"), enabled=True)
    assert ended == Supervised(state="stopped", enabled=True)


def test_a_service_inherits_nothing_of_the_interpreter_that_started_its_watchman(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/x")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert {"PYTHONPATH", "OPENAI_API_KEY"} & lasting_environment().keys() == set()


async def test_it_lives_from_register_to_unregister_and_leaves_nothing(
    supervisor: Supervisor, settings: Settings, home: Path, room: Path
) -> None:
    before = listing(home)
    unit = lodger(room, "steady", *NASTY, environment={"NAME": "va lue"})
    assert await supervisor.look("lodger") is None
    await supervisor.register(unit)
    assert await supervisor.look("lodger") == Supervised(state="stopped", enabled=False)
    await supervisor.start("lodger")
    seen = await until_seen(supervisor, lambda seen: seen.state == "running")
    await until(lambda: list(notes(room)))
    ((pid, note),) = notes(room)
    assert seen == Supervised(state="running", enabled=False, pid=pid)
    assert (note["cwd"], note["nice"], note["arguments"], note["environ"]["NAME"]) == ("/", 5, NASTY, "va lue")
    assert unit.log.stat().st_mode & 0o777 == 0o600
    await until(lambda: unit.log.read_text() == "here, steady\n")

    await supervisor.restart("lodger")
    assert (await until_seen(supervisor, lambda seen: seen.state == "running")).pid != pid
    await supervisor.unregister("lodger")
    assert await supervisor.look("lodger") is None
    assert not any(alive(pid) for pid, _ in notes(room))
    assert listing(home) == before
    assert not settings.services_dir.exists()


async def test_killed_it_is_back_within_three_seconds_and_says_what_it_died_of(supervisor: Supervisor, room: Path) -> None:
    await supervisor.register(lodger(room, "steady"))
    await supervisor.start("lodger")
    first = await until_seen(supervisor, lambda seen: seen.pid != 0)
    began = time.monotonic()
    os.kill(first.pid, signal.SIGKILL)
    again = await until_seen(supervisor, lambda seen: seen.state == "running" and seen.pid not in (0, first.pid))
    assert time.monotonic() - began < 3
    assert again == Supervised(state="running", enabled=False, pid=again.pid, restarts=1, reason="signal 9")


async def test_one_that_crashes_again_and_again_is_left_alone_and_says_why(supervisor: Supervisor, room: Path) -> None:
    seen = await leaves_a_crashing_one_alone(supervisor, room, starts=CRASHES)
    assert seen.restarts == CRASHES - 1


async def test_every_verb_may_be_said_twice(supervisor: Supervisor, room: Path) -> None:
    await takes_every_verb_twice(supervisor, room)


async def test_many_who_start_it_at_once_start_one(supervisor: Supervisor, room: Path) -> None:
    await supervisor.register(lodger(room, "steady"))
    await asyncio.gather(*(supervisor.start("lodger") for _ in range(4)))
    seen = await until_seen(supervisor, lambda seen: seen.state == "running")
    await until(lambda: list(notes(room)))
    assert [pid for pid, _ in notes(room)] == [seen.pid]


async def test_one_that_ended_well_is_not_started_again(supervisor: Supervisor, room: Path) -> None:
    await supervisor.register(lodger(room, "brief"))
    await supervisor.start("lodger")
    await until(lambda: list(notes(room)))
    assert await until_seen(supervisor, lambda seen: seen.state == "stopped") == Supervised(state="stopped", enabled=False)


async def test_one_that_takes_too_much_memory_is_ended_and_started_again(supervisor: Supervisor, room: Path) -> None:
    await supervisor.register(lodger(room, "hungry", memory_mb=100))
    await supervisor.start("lodger")
    seen = await until_seen(supervisor, lambda seen: seen.restarts == 1 and seen.state == "running")
    assert seen.reason == "out of memory"


async def test_what_it_left_behind_ends_with_it(supervisor: Supervisor, room: Path) -> None:
    await supervisor.register(lodger(room, "parent"))
    await supervisor.start("lodger")
    await until(lambda: len(list(notes(room))) == 2)
    await supervisor.stop("lodger")
    assert not any(alive(pid) for pid, _ in notes(room))


async def test_what_a_crashed_one_left_behind_ends_too(supervisor: Supervisor, room: Path) -> None:
    await supervisor.register(lodger(room, "parent"))
    await supervisor.start("lodger")
    await until(lambda: len(list(notes(room))) == 2)
    seen = await until_seen(supervisor, lambda seen: seen.state == "running")
    os.kill(seen.pid, signal.SIGKILL)
    await until(lambda: len(list(notes(room))) == 4)
    assert [alive(pid) for pid, _ in notes(room)] == [False, False, True, True]


async def test_one_that_does_not_listen_is_ended_after_the_grace_period(supervisor: Supervisor, room: Path) -> None:
    await supervisor.register(lodger(room, "deaf"))
    await supervisor.start("lodger")
    await until(lambda: list(notes(room)))
    began = time.monotonic()
    await supervisor.stop("lodger")
    assert 9 < time.monotonic() - began < 18
    assert await supervisor.look("lodger") == Supervised(state="stopped", enabled=False)


async def test_a_watchman_that_was_killed_leaves_one_service_and_the_next_start_takes_its_place(
    supervisor: Supervisor, folder: WatchFolder, room: Path
) -> None:
    await supervisor.register(lodger(room, "steady"))
    await supervisor.start("lodger")
    await until(lambda: list(notes(room)))
    ((stray, _),) = notes(room)
    await kill_watchman(folder)
    assert await supervisor.look("lodger") == Supervised(state="failed", enabled=False, pid=stray, reason=KILLED)
    await supervisor.start("lodger")
    seen = await until_seen(supervisor, lambda seen: seen.state == "running")
    assert seen.pid != stray
    assert not alive(stray)


async def test_a_stray_service_is_ended_by_stop_too(supervisor: Supervisor, folder: WatchFolder, room: Path) -> None:
    await supervisor.register(lodger(room, "steady"))
    await supervisor.start("lodger")
    await until(lambda: list(notes(room)))
    await kill_watchman(folder)
    await supervisor.stop("lodger")
    assert not any(alive(pid) for pid, _ in notes(room))


async def kill_watchman(folder: WatchFolder) -> None:
    watchman = folder.watch().watchman
    os.kill(watchman.pid, signal.SIGKILL)
    await until(lambda: watchman.find() is None)


async def test_a_watchman_that_is_told_to_end_takes_its_service_with_it(
    supervisor: Supervisor, folder: WatchFolder, room: Path
) -> None:
    await supervisor.register(lodger(room, "steady"))
    await supervisor.start("lodger")
    await until(lambda: list(notes(room)))
    os.kill(folder.watch().watchman.pid, signal.SIGTERM)
    assert (await until_seen(supervisor, lambda seen: seen.state == "stopped")).reason == ""
    assert not any(alive(pid) for pid, _ in notes(room))


START = """
import asyncio, sys
from pathlib import Path
from voicemode.config import Settings
from voicemode.services.supervisors.find import find_supervisor

asyncio.run(find_supervisor(Settings(base_dir=Path(sys.argv[1]), supervisor="voicemode")).start("lodger"))
"""


async def test_it_survives_whoever_started_it_and_all_their_kin(supervisor: Supervisor, settings: Settings, room: Path) -> None:
    await supervisor.register(lodger(room, "steady"))
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", START, str(settings.base_dir), start_new_session=True, cwd=REPOSITORY
    )
    assert await asyncio.wait_for(starter.wait(), 30) == 0
    with suppress(ProcessLookupError):
        os.killpg(starter.pid, signal.SIGKILL)
    await until(lambda: list(notes(room)))
    ((pid, _),) = notes(room)
    assert (await until_seen(supervisor, lambda seen: seen.state == "running")).pid == pid
    assert psutil.Process(pid).ppid() != os.getpid()


async def test_a_long_log_is_put_aside_at_the_next_start(supervisor: Supervisor, room: Path) -> None:
    unit = lodger(room, "steady")
    unit.log.parent.mkdir(parents=True)
    unit.log.write_bytes(b"x" * (LOG_BYTES + 1))
    await supervisor.register(unit)
    await supervisor.start("lodger")
    await until(lambda: list(notes(room)))
    assert unit.log.with_name("lodger.log.1").stat().st_size == LOG_BYTES + 1


async def test_a_program_that_is_not_there_is_a_failure_with_its_name_in_the_log(supervisor: Supervisor, room: Path) -> None:
    unit = lodger(room, "steady", command=("/no/such/program",))
    await supervisor.register(unit)
    await supervisor.start("lodger")
    assert (await until_seen(supervisor, lambda seen: seen.state == "failed")).reason == "exit code 127"
    assert "/no/such/program cannot be started" in unit.log.read_text()


async def test_a_unit_that_is_damaged_is_an_error_with_the_remedy(
    supervisor: Supervisor, folder: WatchFolder, room: Path
) -> None:
    await supervisor.register(lodger(room, "steady"))
    folder.unit_file.write_text("{")
    with pytest.raises(ServiceError) as error:
        await supervisor.start("lodger")
    assert "voicemode service install lodger" in str(error.value.hint)
    folder.unit_file.unlink()
    with pytest.raises(ServiceError, match="not registered"):
        await supervisor.start("lodger")


async def test_enabled_it_is_started_with_the_session_and_what_that_means_is_said(
    supervisor: Supervisor, folder: WatchFolder, home: Path, room: Path
) -> None:
    unit = lodger(room, "steady")
    await supervisor.register(unit)
    text = await supervisor.enable("lodger")
    assert {path: path.read_text() for path in supervisor.files(unit)} == supervisor.files(unit)
    assert "voicemode service start lodger" in text
    entry = home / ".config/autostart/voicemode-lodger.desktop"
    assert f'Exec="{sys.executable}" "-P" "-m" "voicemode.services._watchman" "{folder.path}"\n' in entry.read_text()
    assert await supervisor.look("lodger") == Supervised(state="stopped", enabled=True)
    await supervisor.disable("lodger")
    assert not (home / ".config").exists()


def test_on_windows_it_is_a_file_in_the_startup_folder(home: Path) -> None:
    startup = autostart(home, "win32")
    command = [r"C:\100% mine\python.exe", "-P", "-m", "voicemode.services._watchman", r"C:\a b"]
    assert startup.add(replace(PLAIN, name="x"), command).endswith("ends when you log out.")
    (path,) = startup.folder.iterdir()
    assert path.name == "voicemode-x.cmd"
    expected = r'@start "" /b "C:\100%% mine\pythonw.exe" -P -m voicemode.services._watchman "C:\a b"'
    assert path.read_text() == expected + "\n"


@given(st.sampled_from(NASTY) | TEXTS)
def test_a_word_of_a_desktop_entry_reads_back_as_it_was(text: str) -> None:
    line = desktop_quoted(text)
    in_file = unescaped(line, "\\")
    assert in_file[0] == in_file[-1] == '"'
    assert unescaped(in_file[1:-1], '"`$\\').replace("%%", "%") == text


def unescaped(text: str, escaped: str) -> str:
    """`text` in which a backslash stands before each character of `escaped`."""
    result, rest = "", text
    while rest:
        if rest[0] == "\\":
            assert rest[1] in escaped
            rest = rest[1:]
        result, rest = result + rest[0], rest[1:]
    return result
