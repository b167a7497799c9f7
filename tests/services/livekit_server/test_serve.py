"""`voicemode serve livekit`: the real server, held by ours."""

import asyncio
import logging
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from tests.support.agents import free_ports
from tests.support.livekit_server import livekit_server
from tests.support.mcp_client import COMMAND, environment
from voicemode.app import open_app
from voicemode.config import Settings
from voicemode.services import find
from voicemode.services.health import STRANGER, Health, health_of
from voicemode.services.livekit_server.server import understand
from voicemode.services.port_owner import is_ours, owner
from voicemode.tools._doctor_rooms import about_rooms
from voicemode.transports.livekit.access import access_to, keys_file, person_token
from voicemode.transports.livekit.directory import open_directory

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 30.0
END_SECONDS = 4.0
SERVICE = find("livekit")


@dataclass(frozen=True, slots=True)
class Run:
    process: "subprocess.Popen[str]"
    settings: Settings

    @property
    def server(self) -> psutil.Process:
        """LiveKit itself."""
        (child,) = psutil.Process(self.process.pid).children()
        return child


def begin(settings: Settings) -> "subprocess.Popen[str]":
    environ = environment(
        VOICEMODE_BASE_DIR=str(settings.base_dir),
        VOICEMODE_LIVEKIT_PORT=str(settings.livekit_port),
        VOICEMODE_LIVEKIT_LAN=str(settings.livekit_lan),
        VOICEMODE_LOG_LEVEL=settings.log_level,
        PATH=f"{livekit_server().parent}{os.pathsep}{os.environ['PATH']}",
    )
    pipe = subprocess.PIPE
    return subprocess.Popen([*COMMAND, "serve", "livekit"], env=environ, text=True, stdout=pipe, stderr=pipe)


async def until_ready(settings: Settings, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while (await health_of(SERVICE, settings) or STRANGER).status != "ready":
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.fixture
async def run(home: Path, request: pytest.FixtureRequest) -> AsyncIterator[Run]:
    """For this machine, or for the network if the test's parameter says so."""
    (port,) = free_ports(1)
    lan = getattr(request, "param", False)
    settings = Settings(base_dir=home / ".voicemode", livekit_port=port, livekit_lan=lan, log_level="debug")
    with begin(settings) as process:
        try:
            await until_ready(settings, process)
            yield Run(process, settings)
        finally:
            process.kill()


async def test_it_listens_on_loopback_only_and_shows_its_key_to_nobody(run: Run) -> None:
    listening = {one.laddr.ip for one in run.server.net_connections() if not one.raddr}
    assert listening == {"127.0.0.1"}
    assert is_ours(SERVICE, await asyncio.to_thread(owner, run.settings.livekit_port), await health_of(SERVICE, run.settings))
    access = access_to(run.settings)
    async with open_directory(access) as directory:
        await directory.create("kitchen")
    shown = [str(one.cmdline()) + str(one.environ()) for one in (run.server, psutil.Process(run.process.pid))]
    run.process.terminate()
    out, log = run.process.communicate(timeout=WAIT_SECONDS)
    assert run.process.returncode == 0
    assert "kitchen" in log, "at debug it tells who comes and goes"
    assert out == ""
    config = (run.settings.state_dir / "voicemode-livekit.yaml").read_text()
    assert not [text for text in (*shown, log, config) if access.secret in text]


@pytest.mark.parametrize("run", [True], indirect=True)
async def test_in_the_network_sound_comes_to_every_address_and_signalling_does_not(run: Run) -> None:
    port, listening = run.settings.livekit_port, [one for one in run.server.net_connections() if not one.raddr]
    assert {one.laddr.port for one in listening} == {port, port + 1, port + 2}
    assert {one.laddr.ip for one in listening if one.laddr.port == port} == {"127.0.0.1"}
    assert {one.laddr.ip for one in listening if one.laddr.port == port + 1} <= {"::", "0.0.0.0"}  # noqa: S104 looked at only
    up = [addresses for name, addresses in psutil.net_if_addrs().items() if psutil.net_if_stats()[name].isup]
    ours = {one.address for addresses in up for one in addresses if one.family == socket.AF_INET}
    assert ours <= {one.laddr.ip for one in listening if one.laddr.port == port + 2}
    rtc = pytest.importorskip("livekit.rtc")
    access, room = access_to(run.settings), rtc.Room()
    await asyncio.wait_for(room.connect(access.url, person_token(access, "kitchen", "anna", "Anna")), WAIT_SECONDS)
    await room.disconnect()


async def test_doctor_tells_whether_rooms_can_be_joined(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEMODE_BASE_DIR", str(run.settings.base_dir))
    monkeypatch.setenv("VOICEMODE_LIVEKIT_PORT", str(run.settings.livekit_port))
    async with open_app() as opened:
        (check,) = await about_rooms(await opened.now())
        assert (check.mark, str(check.remedy)) == ("ok", "")
        assert check.detail.endswith(f":{run.settings.livekit_port} answers and takes our key; rooms: 0, people in them: 0")
        run.server.kill()
        await asyncio.to_thread(run.process.wait, WAIT_SECONDS)
        (check,) = await about_rooms(await opened.now())
        assert "does not answer" in check.detail
        assert str(check.remedy) == "Start it: voicemode service start livekit"
        keys_file(run.settings).unlink()
        (check,) = await about_rooms(await opened.now())
        assert str(check.remedy) == "To talk from a browser: voicemode service install livekit"


async def test_it_says_goodbye_at_once_to_whoever_is_in_a_room(run: Run) -> None:
    rtc = pytest.importorskip("livekit.rtc")
    access, room, gone = access_to(run.settings), rtc.Room(), asyncio.Event()
    room.on("disconnected", lambda *_: gone.set())
    room.on("reconnecting", gone.set)
    await room.connect(access.url, person_token(access, "kitchen", "anna", "Anna"))
    begun = time.monotonic()
    run.process.terminate()
    await asyncio.wait_for(gone.wait(), WAIT_SECONDS)
    await asyncio.to_thread(run.process.wait, WAIT_SECONDS)
    assert time.monotonic() - begun < END_SECONDS
    await room.disconnect()
    assert await health_of(SERVICE, run.settings) is None


async def test_livekit_that_ends_by_itself_is_a_failure_with_its_last_words(run: Run) -> None:
    taken = replace(run.settings, livekit_port=run.settings.livekit_port)
    with begin(taken) as second:
        _, said = await asyncio.to_thread(second.communicate, timeout=WAIT_SECONDS)
    assert second.returncode == 1
    assert "Error: LiveKit ended by itself: " in said
    assert "address already in use" in said
    run.server.kill()
    _, said = await asyncio.to_thread(run.process.communicate, timeout=WAIT_SECONDS)
    assert run.process.returncode == 1
    assert "Error: LiveKit ended by itself" in said


@pytest.mark.parametrize(
    ("says", "health"),
    [("OK", Health("livekit", "ready")), ("Not Ready\nNode Updated At …", Health("livekit", "loading")), ("Hello", STRANGER)],
)
async def test_who_answers_like_livekit_is_ours_only_if_we_have_started_it(says: str, health: Health) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = says.encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        settings = Settings(livekit_port=server.sockets[0].getsockname()[1])
        said = await health_of(SERVICE, settings)
        assert said == health
        assert not is_ours(SERVICE, await asyncio.to_thread(owner, settings.livekit_port), said)


@pytest.mark.parametrize(
    ("line", "level", "said"),
    [
        ("2026-11-22T16:52:17.404Z\tWARN\tlivekit\trtc/a.go:1\tslow\t{}", logging.WARNING, "livekit rtc/a.go:1 slow {}"),
        ("2026-11-22T16:52:17.404Z\tERROR\tlivekit", logging.ERROR, "livekit"),
        ("listen tcp: address already in use", logging.INFO, "listen tcp: address already in use"),
    ],
)
def test_a_line_of_livekits_log_keeps_its_level(line: str, level: int, said: str) -> None:
    assert understand(line) == (level, said)
