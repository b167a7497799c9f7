"""A real LiveKit server of a test module's own, on free ports of the loopback interface."""

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
"""Of the person who runs the tests: it is found before a test gets its own home."""
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
    """LiveKit's program; skips the test where it cannot be had."""
    found = shutil.which("livekit-server") or shutil.which(CACHE / "livekit-server")
    if found is None:
        pytest.skip("no livekit-server: scripts/check builds one where Go is installed; else see docs/livekit.md")
    return Path(found)


def free_port_pair() -> tuple[int, int]:
    """A port that is free for TCP and one that is free for UDP."""
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        return tcp.getsockname()[1], udp.getsockname()[1]


@dataclass(slots=True)
class LiveKitServer:
    """A context manager: it runs as long as this is entered, unless a test stops it; started again, its ports stay."""

    folder: Path
    signalling: str = "127.0.0.1"
    """Address that it listens on for clients."""
    media: str = "127.0.0.1"
    """Address that it sends sound from."""
    inside: tuple[str, ...] = ()
    """What comes before its command, such as `ip netns exec NAME`."""
    extra: str = ""
    """More lines of its configuration."""
    config: str = ""
    """All of its configuration, where it is to be another."""
    key: str = field(default_factory=lambda: f"API{secrets.token_hex(6)}")
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    ports: tuple[int, int] = field(default_factory=free_port_pair)
    """For signalling, and for sound (UDP)."""
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
        """Return once it answers."""
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
        """End it; people who are in a room lose it."""
        if self.process:
            # The first signal has it wait until the rooms are empty, the second does not.
            for _ in range(2):
                self.process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.2)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
            self.kill()

    def kill(self) -> None:
        """As a crash would end it."""
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
        if self.inside:  # another network: its log has to do
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
    """Of whoever has `access` to the rooms of a server."""
    return Settings(livekit_url=access.url, livekit_api_key=access.key, livekit_api_secret=access.secret, **others)
