"""The whole life of the LiveKit service, as a person types it, with the real server under a real `systemd --user`."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.agents import free_ports
from tests.livekit_server import livekit_server
from tests.mcp_client import environment
from tests.systemd import UserSystemd
from tests.test_inventory import listing
from tests.wheels import UV, UV_CACHE, uv
from voicemode.services._environment import python_of

WAIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a terminal, with a VoiceMode that was installed from the wheel."""

    program: Path
    environ: Mapping[str, str]

    def types(self, *arguments: str, succeeds: bool = True) -> str:
        """What `voicemode ARGUMENTS` prints."""
        command = [str(self.program), "-m", "voicemode", *arguments]
        home = self.environ["HOME"]
        done = subprocess.run(
            command, env=self.environ, cwd=home, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
        )
        assert (done.returncode == 0) is succeeds, done.stdout + done.stderr
        return done.stdout + done.stderr

    def sees(self) -> dict[str, Any]:
        """The status of livekit."""
        command = [str(self.program), "-m", "voicemode", "service", "status", "livekit", "--json"]
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
        (status,) = json.loads(done.stdout)["services"]
        return dict(status)


@pytest.fixture
def person(user_systemd: UserSystemd, wheel: Path, tmp_path: Path) -> Person:
    program, (port,) = tmp_path / "program", free_ports(1)
    uv("venv", "--quiet", "--python", sys.executable, str(program))
    uv("pip", "install", "--quiet", "--python", str(python_of(program)), f"voicemode @ {wheel.as_uri()}")
    environ = environment(
        XDG_RUNTIME_DIR=str(user_systemd.folder),
        PATH=os.pathsep.join([str(UV.parent), str(livekit_server().parent), os.environ["PATH"]]),
        UV_CACHE_DIR=UV_CACHE,
        UV_SYSTEM_CERTS="1",
        COLUMNS="100",
    )
    del environ["PYTHONPATH"], environ["VOICEMODE_LIVEKIT_PORT"]
    person = Person(python_of(program), environ)
    person.types("config", "set", "livekit_port", str(port))
    return person


def test_the_whole_life_of_the_livekit_service(person: Person, user_systemd: UserSystemd, wheel: Path, home: Path) -> None:
    settings_only = listing(home)
    is_installed_and_runs(person, home)
    shows_its_key_to_nobody(person, user_systemd, home)
    assert "there was nothing to do" in person.types("service", "install", "livekit")
    comes_back_when_it_is_killed(person)
    follows_the_settings(person)
    tries_a_new_voicemode_out_before_it_takes_over(person, wheel, home)
    person.types("service", "stop", "livekit")
    status = person.sees()
    assert (status["state"], status["remedy"]) == ("stopped", "voicemode service start livekit")
    person.types("service", "disable", "livekit")
    assert not person.sees()["enabled"]
    person.types("service", "enable", "livekit")
    person.types("service", "start", "livekit")
    assert person.sees()["health"] == "ready"
    assert "environment of LiveKit server" in person.types("uninstall", "--dry-run")
    person.types("service", "uninstall", "livekit", "--yes")
    assert person.sees()["state"] == "absent"
    assert {path for path in listing(home) if "livekit" in str(path)} <= {*map(str, settings_only)}
    assert "voicemode-livekit" not in user_systemd.ask("systemctl", "--user", "list-units", "--all").stdout


def is_installed_and_runs(person: Person, home: Path) -> None:
    said = person.types("service", "install", "livekit")
    assert f"use {livekit_server()}, LiveKit" in said
    assert "proved it: it made a room and ended it" in said
    status = person.sees()
    assert (status["runs"], status["enabled"], status["health"], status["ours"]) == ("systemd", True, "ready", True)
    assert (home / ".voicemode/services/livekit/keys.yaml").stat().st_mode & 0o777 == 0o600


def shows_its_key_to_nobody(person: Person, user_systemd: UserSystemd, home: Path) -> None:
    keys = home / ".voicemode/services/livekit/keys.yaml"
    _, _, secret = keys.read_text().strip().partition(": ")
    assert len(secret) >= 43
    told = [str(process.info) for process in psutil.process_iter(["cmdline", "environ"])]
    files = [path for path in home.rglob("*") if path.is_file() and path != keys and path.stat().st_size < 1_000_000]
    assert not [text for text in told if secret in text]
    assert not [path for path in files if secret.encode() in path.read_bytes()]
    assert secret not in user_systemd.ask("systemctl", "--user", "show", "voicemode-livekit").stdout


def comes_back_when_it_is_killed(person: Person) -> None:
    pid = person.sees()["pid"]
    (server,) = psutil.Process(pid).children()
    os.kill(server.pid, signal.SIGKILL)
    psutil.wait_procs([server], WAIT_SECONDS)
    while (status := person.sees())["health"] != "ready":
        assert status["state"] in ("starting", "running"), status
    assert (status["restarts"], status["problem"]) == (1, "")


def follows_the_settings(person: Person) -> None:
    (port,) = free_ports(1)
    assert "LiveKit server was restarted and works with it." in person.types("config", "set", "livekit_port", str(port))
    status = person.sees()
    assert (status["port"], status["ours"], status["health"]) == (port, True, "ready")
    (server,) = psutil.Process(status["pid"]).children()
    assert {one.laddr.ip for one in server.net_connections() if not one.raddr} == {"127.0.0.1"}


def tries_a_new_voicemode_out_before_it_takes_over(person: Person, wheel: Path, home: Path) -> None:
    key = (home / ".voicemode/services/livekit/keys.yaml").read_bytes()
    newer = shutil.copy(wheel, home.parent / wheel.name)
    uv("pip", "install", "--quiet", "--python", str(person.program), f"voicemode @ {Path(newer).as_uri()}")
    said = person.types("service", "install", "livekit")
    assert "tried it out on a spare port: it made a room and ended it" in said
    assert (home / ".voicemode/services/livekit/keys.yaml").read_bytes() == key
