"""The whole life of the LiveKit service, as a person types it, with the real server; once without a `systemd --user`."""

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.services.uninstall.test_inventory import listing
from tests.support.agents import free_ports
from tests.support.livekit_server import livekit_server
from tests.support.systemd import UserSystemd
from tests.support.terminal import WAIT_SECONDS, Person
from tests.support.wheels import uv


def somebody(systemd: UserSystemd | None, wheel: Path, tmp_path: Path) -> Person:
    newcomer, (port,) = Person.newcomer("livekit", tmp_path / "program", wheel, systemd), free_ports(1)
    environ = {**newcomer.environ, "PATH": f"{livekit_server().parent}{os.pathsep}{newcomer.environ['PATH']}"}
    # Whatever the person has on the usual port is not looked at.
    replace(newcomer, environ=environ).types("config", "set", "livekit_port", str(port))
    del environ["VOICEMODE_LIVEKIT_PORT"]
    return replace(newcomer, environ=environ)


@pytest.fixture
def person(user_systemd: UserSystemd, wheel: Path, tmp_path: Path) -> Person:
    return somebody(user_systemd, wheel, tmp_path)


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
    assert (status["state"], status["remedy"]["command"]) == ("stopped", "voicemode service start livekit")
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


def test_where_nothing_supervises_services_it_runs_from_start_to_stop(wheel: Path, tmp_path: Path, home: Path) -> None:
    person = somebody(None, wheel, tmp_path)
    settings_only = listing(home)
    try:
        said = person.types("service", "install", "livekit")
        assert "tried it out on a spare port: it made a room and ended it" in said
        assert "Start it when you need it: voicemode service start livekit" in said
        assert "there was nothing to do" in person.types("service", "install", "livekit")
        assert person.sees()["remedy"]["command"] == "voicemode service start livekit"
        assert "To end it: voicemode service stop livekit" in person.types("service", "start", "livekit")
        before = person.sees()
        assert (before["runs"], before["health"], before["ours"]) == ("by hand", "ready", True)
        person.types("service", "restart", "livekit")
        assert person.sees()["pid"] not in (0, before["pid"])
        (port,) = free_ports(1)
        assert "LiveKit server was restarted and works with it." in person.types("config", "set", "livekit_port", str(port))
        assert (person.sees()["port"], person.sees()["health"]) == (port, "ready")
        assert "Neither systemd nor launchd is here" in person.types("service", "enable", "livekit", succeeds=False)
        person.types("service", "stop", "livekit")
        assert person.sees()["state"] == "absent"
    finally:
        person.types("service", "uninstall", "livekit", "--yes")
    assert {path for path in listing(home) if "livekit" in str(path)} <= {*map(str, settings_only)}


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
