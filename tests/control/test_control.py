"""The control channel: who gets in, what they can ask for, and what becomes of those who mean harm."""

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from voicemode.config import Settings
from voicemode.control.client import Told, ask, visiting
from voicemode.control.doors import Door, doors, folder, knock, open_door, port_door, socket_door
from voicemode.control.messages import MAX_REQUEST_BYTES, Verb
from voicemode.control.peers import UNKNOWN, xucred_uid
from voicemode.control.server import Channel, VisitorLimits, steerable
from voicemode.controls import Controls, ControlState, Doing
from voicemode.services.uninstall.places import places

pytestmark = pytest.mark.anyio
WAIT_SECONDS = 10
UNLIKELY = VisitorLimits()
"""What a real program grants; no test comes near it."""
NOBODY = 65534
AS_ROOT = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can become somebody else")
UNIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets and no modes")

MakeDoor = Callable[[Path], Door]
ENDED = 2_147_483_646
"""No process has this id."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A private folder with a path that is short enough for a socket on every system."""
    with tempfile.TemporaryDirectory(prefix="vm-", dir=None if sys.platform == "win32" else "/tmp") as short:
        (Path(short) / "hands").mkdir(mode=0o700)
        yield Path(short) / "hands"


@pytest.fixture(params=[pytest.param(socket_door, marks=UNIX), port_door])
def make_door(request: pytest.FixtureRequest) -> MakeDoor:
    """Makes doors of either kind."""
    return cast(MakeDoor, request.param)


@asynccontextmanager
async def served(controls: Controls, door: Door, limits: VisitorLimits = UNLIKELY) -> AsyncIterator[None]:
    """`controls` can be reached through `door`."""
    task = asyncio.create_task(Channel(controls, door, limits).serve())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=WAIT_SECONDS)
        door.close()


def doing(what: Doing) -> Controls:
    controls = Controls()
    controls.now(what)
    return controls


async def asked(verb: Verb, place: Path) -> Told:
    async with asyncio.timeout(WAIT_SECONDS):
        return await asyncio.to_thread(ask, verb, place)


@asynccontextmanager
async def visiting_meanwhile(verb: Verb, place: Path) -> AsyncIterator[None]:
    """A visit that lasts until the end of the block."""
    with ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, visiting(verb, place))
        yield


async def reaches(holds: Callable[[], bool]) -> None:
    """Wait until `holds`, which other tasks of this loop bring about."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():
            await asyncio.sleep(0.005)


async def said(door: Door, words: bytes) -> bytes:
    """What a visitor hears who says `words` and waits for the end."""
    if door.token:
        reader, writer = await asyncio.open_connection(*door.listener.getsockname())
    else:
        reader, writer = await asyncio.open_unix_connection(str(door.path))
    try:
        writer.write(words)
        async with asyncio.timeout(WAIT_SECONDS):
            return await reader.read()
    except OSError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("verb", "while_doing", "did"),
    [
        (Verb.STOP, "speaking", True),
        (Verb.STOP, "transcribing", True),
        (Verb.STOP, "idle", False),
        (Verb.SKIP, "speaking", True),
        (Verb.SKIP, "listening", False),
        (Verb.SEND, "listening", True),
        (Verb.SEND, "speaking", False),
        (Verb.MUTE, "idle", True),
        (Verb.UNMUTE, "idle", True),
        (Verb.HOLD, "idle", False),
        (Verb.HOLD, "transcribing", False),
        (Verb.PRESS, "idle", False),
        (Verb.RELEASE, "listening", False),
        (Verb.LOOK, "idle", True),
    ],
)
async def test_it_is_told_whether_there_was_something_to_do(
    verb: Verb, while_doing: Doing, did: bool, place: Path, make_door: MakeDoor
) -> None:
    async with served(doing(while_doing), make_door(place)):
        told = await asked(verb, place)
    assert (told.did, told.silent) == (did, 0)


async def test_stop_skip_and_send_reach_the_conversation(place: Path, make_door: MakeDoor) -> None:
    controls = doing("speaking")
    async with served(controls, make_door(place)), asyncio.timeout(WAIT_SECONDS):
        await asked(Verb.SKIP, place)
        await controls.skipped()
        controls.now("listening")
        await asked(Verb.SEND, place)
        assert controls.sending
        await asked(Verb.STOP, place)
        await controls.stopped()


async def test_an_answer_says_who_does_what_where(place: Path, make_door: MakeDoor) -> None:
    controls = doing("listening")
    async with served(controls, make_door(place)):
        (answer,) = (await asked(Verb.MUTE, place)).answers
    assert (answer.doing, answer.muted, answer.held, answer.pid) == ("listening", True, False, os.getpid())
    assert answer.folder == str(Path.cwd())


async def test_only_those_are_steered_who_have_something_to_do_but_all_are_muted(place: Path, make_door: MakeDoor) -> None:
    speaking, idle = doing("speaking"), Controls()
    async with served(speaking, make_door(place)), served(idle, make_door(place)):
        told = await asked(Verb.STOP, place)
        assert sorted((answer.doing, answer.did) for answer in told.answers) == [("idle", False), ("speaking", True)]
        await asked(Verb.MUTE, place)
    assert speaking.state.muted
    assert idle.state.muted


async def test_it_is_held_exactly_as_long_as_the_visit_lasts(place: Path, make_door: MakeDoor) -> None:
    controls = doing("listening")
    async with served(controls, make_door(place)):
        async with visiting_meanwhile(Verb.HOLD, place):
            assert controls.state.held
            assert not controls.sending
        await reaches(lambda: not controls.state.held)
    assert controls.sending, "letting go ends the turn"


async def test_what_was_pressed_is_held_until_it_is_released(place: Path, make_door: MakeDoor) -> None:
    controls = doing("listening")
    async with served(controls, make_door(place)):
        assert (await asked(Verb.PRESS, place)).did
        assert controls.state == ControlState("listening", held=True)
        assert (await asked(Verb.RELEASE, place)).did
        assert controls.state == ControlState("listening")
        assert controls.sending
        assert not (await asked(Verb.RELEASE, place)).did


async def test_what_was_pressed_by_somebody_who_is_gone_is_let_go(place: Path, make_door: MakeDoor) -> None:
    controls = doing("listening")
    async with served(controls, make_door(place), VisitorLimits(press_seconds=0.2)):
        await asked(Verb.PRESS, place)
        await reaches(lambda: not controls.state.held)


@pytest.mark.parametrize("verb", [Verb.HOLD, Verb.PRESS])
async def test_the_end_of_the_program_lets_go(verb: Verb, place: Path, make_door: MakeDoor) -> None:
    controls = doing("listening")
    async with AsyncExitStack() as stack:
        async with served(controls, make_door(place)):
            await stack.enter_async_context(visiting_meanwhile(verb, place))
            assert controls.state.held
        assert not controls.state.held


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\n", id="an empty line"),
        pytest.param(b'{"verb": "stop"', id="half a line"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", id="a web browser"),
        pytest.param(b"stop\n", id="no JSON"),
        pytest.param(b'["stop"]\n', id="no object"),
        pytest.param(b'{"verb": "explode"}\n', id="no such verb"),
        pytest.param(b'{"verb": ["stop"]}\n', id="a verb of another kind"),
        pytest.param(b'{"verb": "stop", "token": "\xff"}\n', id="no text"),
        pytest.param(b"[" * (MAX_REQUEST_BYTES - 1) + b"\n", id="deep"),
        pytest.param(b'{"verb": "stop", "x": "' + b"x" * MAX_REQUEST_BYTES + b'"}\n', id="a line too long"),
        pytest.param(b"x" * 10_000_000, id="no end"),
    ],
)
async def test_nonsense_ends_the_visit_and_nothing_else(words: bytes, place: Path, make_door: MakeDoor) -> None:
    controls = doing("speaking")
    door = make_door(place)
    async with served(controls, door, VisitorLimits(request_seconds=0.3)):
        assert await said(door, words) == b""
        assert controls.state.doing == "speaking"
        assert (await asked(Verb.STOP, place)).did


async def test_a_crowd_that_says_nothing_is_turned_away(place: Path, make_door: MakeDoor) -> None:
    door = make_door(place)
    async with served(doing("speaking"), door, VisitorLimits(visitors=4, request_seconds=0.5)):
        assert await asyncio.gather(*(said(door, b"") for _ in range(60))) == [b""] * 60
        assert (await asked(Verb.STOP, place)).did


@pytest.mark.parametrize("token", ["", "wrong", "é", "0" * 64])
async def test_who_does_not_know_the_token_is_refused(token: str, place: Path, caplog: pytest.LogCaptureFixture) -> None:
    controls, door = doing("speaking"), port_door(place)
    async with served(controls, door):
        assert await said(door, json.dumps({"verb": "mute", "token": token}).encode() + b"\n") == b""
    assert not controls.state.muted
    assert "was refused" in caplog.text
    assert door.token not in caplog.text


AS_NOBODY = f"""
import os, socket, sys
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
try:
    visitor = socket.socket(socket.AF_UNIX)
    visitor.settimeout({WAIT_SECONDS})
    visitor.connect(sys.argv[1])
    visitor.sendall(b'{{"verb": "mute"}}\\n')
    print(visitor.recv(1000))
except OSError as error:
    print(type(error).__name__)
"""


async def heard_by_nobody(door: Door) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", AS_NOBODY, str(door.path)), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), WAIT_SECONDS)
    return out.decode().strip()


@AS_ROOT
async def test_another_user_cannot_come_near(place: Path) -> None:
    place.parent.chmod(0o755)
    async with served(controls := Controls(), door := socket_door(place)):
        assert await heard_by_nobody(door) == "PermissionError"
    assert not controls.state.muted


@AS_ROOT
async def test_another_user_is_refused_even_where_the_modes_let_them_in(place: Path) -> None:
    controls, door = Controls(), socket_door(place)
    for path, mode in ((place.parent, 0o755), (place, 0o755), (door.path, 0o777)):
        path.chmod(mode)
    async with served(controls, door):
        assert await heard_by_nobody(door) in ("b''", "ConnectionResetError")
    assert not controls.state.muted


def test_the_uid_of_a_peer_is_read_as_macos_writes_it() -> None:
    credentials = (0).to_bytes(4, sys.byteorder) + (501).to_bytes(4, sys.byteorder) + bytes(68)
    assert xucred_uid(credentials) == 501
    assert xucred_uid(b"\x01" + credentials[1:]) == UNKNOWN


@UNIX
def test_nobody_else_may_enter(place: Path) -> None:
    place.chmod(0o777)
    for make in (socket_door, port_door):
        door = make(place)
        assert door.path.stat().st_mode & 0o777 == 0o600
        door.close()
    open_door(place).close()
    assert place.stat().st_mode & 0o777 == 0o700
    assert list(place.iterdir()) == []


def test_whoever_uninstalls_finds_what_was_left(place: Path, make_door: MakeDoor) -> None:
    names = next(where.names for where in places(Settings()) if where.folder == folder())
    door = make_door(place)
    assert re.fullmatch(names, door.path.name)
    door.close()


@UNIX
def test_a_long_path_gets_a_port(tmp_path: Path) -> None:
    place = tmp_path / ("x" * 100)
    door = open_door(place)
    assert (door.path.suffix, bool(door.token)) == (".port", True)
    assert door.listener.getsockname()[0] == "127.0.0.1"
    door.close()
    assert list(place.iterdir()) == []


@UNIX
def test_every_socket_that_is_made_can_be_reached(place: Path) -> None:
    for length in range(60, 110):
        (deep := place / ("x" * (length - len(str(place))))).mkdir(mode=0o700)
        door = open_door(deep)
        way = knock(door.path)
        assert way
        way.connection.close()
        door.close()


@UNIX
def test_a_folder_that_is_a_link_is_not_used(place: Path) -> None:
    elsewhere = place.with_name("elsewhere")
    elsewhere.mkdir()
    place.rmdir()
    place.symlink_to(elsewhere)
    with pytest.raises(PermissionError):
        open_door(place)
    assert doors(place) == []


@UNIX
async def test_a_door_that_is_a_link_leads_to_nobody_and_is_removed_alone(place: Path) -> None:
    precious = place.with_name("precious")
    precious.touch()
    (place / "00000000.sock").symlink_to(precious)
    assert (await asked(Verb.STOP, place)).answers == ()
    assert precious.exists()
    assert doors(place) == []


@AS_ROOT
def test_the_folder_of_somebody_else_is_not_used(place: Path) -> None:
    os.chown(place, NOBODY, NOBODY)
    with pytest.raises(PermissionError):
        open_door(place)
    assert doors(place) == []


@UNIX
async def test_a_folder_that_others_can_write_to_is_not_believed(place: Path) -> None:
    async with served(doing("speaking"), socket_door(place)):
        place.chmod(0o770)
        assert (await asked(Verb.STOP, place)).answers == ()


async def test_the_door_of_a_program_that_was_killed_is_taken_away(place: Path, make_door: MakeDoor) -> None:
    make_door(place).listener.close()
    told = await asked(Verb.STOP, place)
    assert (told.answers, told.silent) == ((), 0)
    assert list(place.iterdir()) == []


async def test_a_port_that_somebody_else_has_by_now_is_not_tried(place: Path) -> None:
    door = port_door(place)
    note = json.loads(door.path.read_text())
    door.path.write_text(json.dumps(note | {"pid": ENDED}))
    told = await asked(Verb.STOP, place)
    assert (told.answers, told.silent) == ((), 0)
    door.listener.settimeout(0)
    with pytest.raises(BlockingIOError):
        door.listener.accept()
    door.close()


@pytest.mark.parametrize("note", ["", "{}", "[]", '{"port": "x", "token": "", "pid": 1}', '{"port": 1'])
async def test_a_file_that_names_no_port_is_no_door(note: str, place: Path) -> None:
    (place / "00000000.port").write_text(note)
    (place / "notes.txt").touch()
    told = await asked(Verb.STOP, place)
    assert (told.answers, told.silent) == ((), 0)
    assert [path.name for path in place.iterdir()] == ["notes.txt"]


async def test_a_program_that_hangs_keeps_nobody_else_waiting(place: Path, make_door: MakeDoor) -> None:
    controls, hanging = doing("speaking"), make_door(place)
    async with served(controls, make_door(place)), asyncio.timeout(WAIT_SECONDS):
        asking = asyncio.create_task(asked(Verb.SKIP, place))
        await controls.skipped()
        told = await asking
    hanging.close()
    assert (told.did, told.silent) == (True, 1)


@pytest.mark.parametrize(
    "answer",
    [b"", b"hello\n", b"{}\n", b'{"did": 1}\n', b"x" * 1_000_000 + b"\n"],
    ids=["none", "text", "empty", "half", "long"],
)
async def test_an_answer_that_means_nothing_counts_as_none(answer: bytes, place: Path, make_door: MakeDoor) -> None:
    door = make_door(place)

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(answers, sock=door.listener):
        told = await asked(Verb.STOP, place)
    door.close()
    assert (told.answers, told.silent) == ((), 1)


async def test_a_running_program_has_a_door_until_it_ends(home: Path) -> None:
    controls = doing("speaking")
    async with steerable(controls):
        await reaches(lambda: bool(doors(folder())))
        assert (await asked(Verb.STOP, folder())).did
    assert doors(folder()) == []


async def test_a_program_that_ends_at_once_leaves_nothing(home: Path) -> None:
    for rounds in range(20):
        async with steerable(Controls()):
            for _ in range(rounds):
                await asyncio.sleep(0)
    assert doors(folder()) == []


async def test_a_program_that_can_have_no_door_runs_all_the_same(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    (home / ".voicemode").mkdir()
    (home / ".voicemode/state").touch()
    async with steerable(Controls()):
        await reaches(lambda: bool(caplog.records))
    assert "cannot be steered from outside" in caplog.text


async def test_many_programs_can_be_steered_at_once(place: Path, make_door: MakeDoor) -> None:
    all_hands = [doing("listening") for _ in range(8)]
    async with AsyncExitStack() as stack:
        for controls in all_hands:
            await stack.enter_async_context(served(controls, make_door(place)))
        told = await asked(Verb.SEND, place)
    assert len(told.answers) == 8
    assert all(controls.sending for controls in all_hands)
