"""Nothing leaves this machine if nothing may: every way out, watched from an address outside."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.endpoints import FakeEndpoint, Reply, Request, answers, endpoint, outside_address, speech_api
from tests.support.paths import REPOSITORY
from tests.support.ways_out import WAYS
from voicemode import egress
from voicemode.app import open_app
from voicemode.audio.devices import open_backend
from voicemode.config import load_settings
from voicemode.config.network import proxy_ports, sound_servers
from voicemode.errors import AudioDeviceError, LocalOnlyError

pytestmark = pytest.mark.anyio

BOUND_SECONDS = 120
EVERYWHERE = "0.0.0.0"  # noqa: S104 nobody is to be served there
DATAGRAMS = {"datagram", "datagram_message", "connected_datagram", "asyncio_datagram"}
THROUGH_PROXIES = ("urllib_request", "httpx_client", "weights", "weights_hub", "transcribing", "speaking")


class Mailbox(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received = 0
        self.some = asyncio.Event()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received += 1
        self.some.set()


@dataclass(slots=True)
class World:
    """What is outside, and a server on this machine that points there."""

    server: FakeEndpoint
    redirecting: FakeEndpoint
    mailbox: Mailbox = field(default_factory=Mailbox)

    def arguments(self, *, local_only: bool) -> str:
        host, _, port = self.server.url.removeprefix("http://").removesuffix("/v1").rpartition(":")
        return json.dumps({"local_only": local_only, "host": host, "port": int(port), "redirect": self.redirecting.url})


@pytest.fixture
async def world() -> AsyncIterator[World]:
    host = outside_address()
    async with endpoint(hub_and_speech, host=host) as server, endpoint(answers(302, "", location=server.url)) as redirecting:
        there = World(server, redirecting)
        port = int(server.url.removesuffix("/v1").rpartition(":")[2])
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: there.mailbox, local_addr=(host, port))
        yield there
        transport.close()


async def hub_and_speech(request: Request, reply: Reply) -> None:
    """Whatever is asked for, there is something."""
    if request.path.startswith("/v1/audio") or request.path == "/v1/models":
        await speech_api()(request, reply)
    else:
        await answers(200, {"id": "maker/model"})(request, reply)


async def try_ways(arguments: str, *names: str, **environment: str) -> dict[str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.ways_out", arguments, *names),
        cwd=REPOSITORY,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
    )
    async with asyncio.timeout(BOUND_SECONDS):
        output, _ = await process.communicate()
    # Progress may have been printed before it.
    outcome = json.loads(output.splitlines()[-1])
    assert isinstance(outcome, dict)
    return outcome


async def test_every_way_out_is_one_as_long_as_it_may_be(world: World) -> None:
    outcome = await try_ways(world.arguments(local_only=False))
    assert "refused" not in outcome.values()
    assert world.server.connections >= len(WAYS) - len(DATAGRAMS), outcome
    assert world.mailbox.received == len(DATAGRAMS), outcome


async def test_no_way_leads_out_if_nothing_may_leave(world: World) -> None:
    outcome = await try_ways(world.arguments(local_only=True))
    assert outcome == dict.fromkeys(WAYS, "refused")
    # The one way that is opened before it is forbidden.
    assert world.server.connections == 1
    assert world.server.paths() == ["/v1/models"]
    assert world.mailbox.received == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "outside"])
async def test_a_proxy_carries_nothing_out_wherever_it_is(host: str) -> None:
    async with endpoint(answers(418, "I am the proxy"), host=outside_address() if host == "outside" else host) as proxy:
        names = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
        environment = dict.fromkeys(names, proxy.url.removesuffix("/v1"))
        arguments = {"host": "speech.test", "port": 80, "redirect": "http://speech.test/"}
        free = await try_ways(json.dumps(arguments | {"local_only": False}), *THROUGH_PROXIES, **environment)
        assert proxy.connections >= len(THROUGH_PROXIES), free
        before = proxy.connections
        outcome = await try_ways(json.dumps(arguments | {"local_only": True}), *THROUGH_PROXIES, **environment)
        assert outcome == dict.fromkeys(THROUGH_PROXIES, "refused")
        assert proxy.connections == before


@pytest.mark.parametrize(
    "host", [EVERYWHERE, "255.255.255.255", "203.0.113.7", "speech.test", "2130706433", "127.1", "fd00::7"]
)
def test_what_is_not_plainly_this_machine_is_refused_before_it_is_looked_up(host: str) -> None:
    egress.enforce(True)
    with pytest.raises(LocalOnlyError):
        socket.getaddrinfo(host, 80)
    with pytest.raises(LocalOnlyError):
        socket.create_connection((host, 80))
    with pytest.raises(LocalOnlyError):
        egress.check(host)


def test_names_and_numbers_are_not_looked_up_elsewhere() -> None:
    egress.enforce(True)
    with pytest.raises(LocalOnlyError):
        socket.gethostbyname("speech.test")
    with pytest.raises(LocalOnlyError):
        socket.gethostbyaddr("203.0.113.7")
    with pytest.raises(LocalOnlyError):
        socket.getnameinfo(("203.0.113.7", 80), 0)


def test_an_ipv6_address_outside_is_refused() -> None:
    host = outside_address(socket.AF_INET6)
    with socket.create_server((host, 0), family=socket.AF_INET6) as server, socket.socket(socket.AF_INET6) as client:
        egress.enforce(True)
        with pytest.raises(LocalOnlyError):
            client.connect(server.getsockname())
        egress.enforce(False)
        client.connect(server.getsockname())


@pytest.mark.parametrize("host", [EVERYWHERE, "", "outside"])
def test_nobody_outside_is_served(host: str) -> None:
    address = outside_address() if host == "outside" else host
    egress.enforce(True)
    with socket.socket() as server, pytest.raises(LocalOnlyError):
        server.bind((address, 0))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1", "::ffff:127.0.0.1"])
async def test_this_machine_is_reached_as_ever(host: str) -> None:
    egress.enforce(True)
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "::1" if family == socket.AF_INET6 else "127.0.0.1", 0
    )
    if host == "127.0.0.2" and sys.platform != "linux":
        pytest.skip("only Linux has all of 127.0.0.0/8")
    async with server:
        port = server.sockets[0].getsockname()[1]
        if host == "127.0.0.2":
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(host, port)
        else:
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no unix sockets")
def test_sockets_in_the_file_system_are_reached_as_ever(tmp_path: Path) -> None:
    egress.enforce(True)
    path = os.path.relpath(tmp_path / "s")  # the whole path may be too long for a socket
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        client.connect(path)


@pytest.mark.skipif(not hasattr(socket, "AF_PACKET"), reason="this system has no packet sockets")
def test_kinds_of_sockets_that_nobody_thought_of_are_refused() -> None:
    guard = egress.EgressGuard()
    guard.closed = True
    with pytest.raises(LocalOnlyError, match="AF_PACKET"):
        guard.check_address(socket.AF_PACKET, ("eth0", 0))


async def test_the_settings_turn_the_switch_and_turn_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEMODE_LOCAL_ONLY", "true")
    async with open_app(load_settings):
        assert egress.active()
    monkeypatch.delenv("VOICEMODE_LOCAL_ONLY")
    async with open_app(load_settings):
        assert not egress.active()


@pytest.mark.parametrize("name", ["whisper", "kokoro"])
def test_a_local_engine_serves_nobody_outside(name: str) -> None:
    pytest.importorskip("uvicorn")
    done = subprocess.run(
        [sys.executable, "-m", "voicemode", "serve", name, "--host", EVERYWHERE, "--port", "1"],
        env=os.environ | {"VOICEMODE_LOCAL_ONLY": "true"},
        timeout=BOUND_SECONDS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "VOICEMODE_LOCAL_ONLY is on" in done.stderr


# --- the sound system ---


@pytest.mark.parametrize(
    ("server", "hosts"),
    [
        ("", []),
        ("unix:/run/user/1000/pulse/native", []),
        ("/run/pulse/native", []),
        ("{4f2}unix:/run/pulse/native", []),
        ("desk.test", ["desk.test"]),
        ("desk.test:4713", ["desk.test"]),
        ("tcp:192.0.2.7:4713", ["192.0.2.7"]),
        ("tcp6:[fd00::7]:4713", ["fd00::7"]),
        ("unix:/run/pulse/native {4f2}tcp4:desk.test", ["desk.test"]),
        ("tcp:127.0.0.1", ["127.0.0.1"]),
    ],
)
def test_sound_servers_are_read_from_the_environment(server: str, hosts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", server)
    assert sound_servers() == hosts


def test_the_file_of_the_sound_library_is_read_where_the_environment_says_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where the virtual sound card of other tests has its server.
    monkeypatch.delenv("PULSE_SERVER", raising=False)
    file = home / ".config/pulse/client.conf"
    file.parent.mkdir(parents=True)
    file.write_text("; default-server = other.test\nautospawn = no\ndefault-server = tcp:desk.test:4713\n")
    assert sound_servers() == ["desk.test"]


def test_sound_on_another_machine_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    egress.enforce(True)
    monkeypatch.setenv("PULSE_SERVER", "tcp:desk.test")
    with pytest.raises(AudioDeviceError, match=r"would be those of desk\.test"):
        open_backend()
    monkeypatch.setenv("PULSE_SERVER", "tcp:127.0.0.1")
    assert egress.distant_sound_server() == ""


def test_only_proxies_of_this_machine_are_ports_to_avoid(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "localhost:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@[::1]")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1:9")
    monkeypatch.setenv("FTP_PROXY", "http://proxy.test:8080")
    assert proxy_ports() == {3128, 80, 1080}


def test_the_runtime_of_our_models_is_told_to_report_to_nobody_before_it_is_loaded() -> None:
    """Whether it obeys is for tests/test_containers.py: there no name is looked up while it works."""
    pytest.importorskip("onnxruntime", reason="needs voicemode[local]")
    program = (
        "import os, sys, voicemode.config.child_environment as environment\n"
        "forbid = environment.forbid_telemetry\n"
        "def checked():\n"
        "    assert 'onnxruntime' not in sys.modules\n"
        "    forbid()\n"
        "environment.forbid_telemetry = checked\n"
        "import voicemode.onnx\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'], 'onnxruntime' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout.split() == ["1", "True"]
