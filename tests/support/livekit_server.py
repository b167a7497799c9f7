"""A real LiveKit server for a test module, on free ports of the loopback interface."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from voicemode.config import Settings
from voicemode.transports.livekit.access import Access

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "voicemode-tests"
"""Cache of the person who runs the tests, determined before a test gets its own home."""
START_SECONDS = 20.0
STOP_SECONDS = 10.0

CONFIG = """\
port: {port}
bind_addresses: [{signalling}]
key_file: {keys}
rtc:
  node_ip: {media}
  tcp_port: 0
  udp_port: {udp_port}
  enable_loopback_candidate: true
  ips: {{includes: [{media}/32]}}
logging: {{level: info}}
{extra}"""


def livekit_server() -> Path:
    """Return the path of LiveKit's program; skip the test if it is unavailable."""
    found = shutil.which("livekit-server") or shutil.which(CACHE / "livekit-server")
    if found is None:
        pytest.skip("no livekit-server: scripts/check builds one where Go is installed; else see docs/livekit.md")
    return Path(found)


def free_port_pair() -> tuple[int, int]:
    """Return a free TCP port and a free UDP port."""
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        return tcp.getsockname()[1], udp.getsockname()[1]


@dataclass(slots=True)
class LiveKitServer:
    """A context manager: the server runs while it is entered, unless a test stops it; a restart keeps the ports."""

    folder: Path
    signalling: str = "127.0.0.1"
    """Address on which the server listens for clients."""
    media: str = "127.0.0.1"
    """Address from which the server sends audio."""
    inside: tuple[str, ...] = ()
    """Prefix of the command, such as `ip netns exec NAME`."""
    extra: str = ""
    """Additional lines of the configuration."""
    config: str = ""
    """Complete configuration that replaces the default one."""
    key: str = field(default_factory=lambda: f"API{secrets.token_hex(6)}")
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    ports: tuple[int, int] = field(default_factory=free_port_pair)
    """Ports for signalling (TCP) and audio (UDP)."""
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"ws://{self.signalling}:{self.ports[0]}"

    @property
    def access(self) -> Access:
        return Access(self.url, self.key, self.secret)

    @property
    def log(self) -> str:
        return (self.folder / "livekit.log").read_text()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server; return once it answers."""
        command = [*self.inside, str(livekit_server()), "--config", str(self._configure())]
        with (self.folder / "livekit.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.kill()
                raise RuntimeError(f"LiveKit does not start:\n{self.log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server; people in a room lose the connection."""
        if self.process:
            # After the first signal the server waits until the rooms are empty; the second ends it.
            for _ in range(2):
                self.process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.2)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
            self.kill()

    def kill(self) -> None:
        """End the server as a crash would."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _configure(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        keys, config = self.folder / "keys.yaml", self.folder / "livekit.yaml"
        keys.touch(mode=0o600)
        keys.write_text(f"{self.key}: {self.secret}\n")
        port, udp_port = self.ports
        addresses = {"signalling": self.signalling, "media": self.media}
        config.write_text(self.config or CONFIG.format(port=port, udp_port=udp_port, keys=keys, extra=self.extra, **addresses))
        return config

    def _answers(self) -> bool:
        if self.inside:  # unreachable in another network, so check the log
            return "starting LiveKit server" in self.log
        connection = HTTPConnection(self.signalling, self.ports[0], timeout=1)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


@pytest.fixture(scope="module")
def livekit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKitServer]:
    with LiveKitServer(tmp_path_factory.mktemp("livekit")) as server:
        yield server


@pytest.fixture
def access(livekit: LiveKitServer) -> Access:
    return livekit.access


def settings_for(access: Access, **others: Any) -> Settings:
    """Return settings with `access` to the rooms of a server."""
    given = {"whisper_port": 9, "kokoro_port": 9, "frontend_port": 9, **others}
    return Settings(livekit_url=access.url, livekit_api_key=access.key, livekit_api_secret=access.secret, **given)
