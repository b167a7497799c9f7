"""All that can be installed is installed, and an uninstall leaves nothing of it."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.services.uninstall.test_inventory import listing
from tests.support.agents import free_ports
from tests.support.livekit_server import livekit_server
from tests.support.systemd import UserSystemd
from tests.support.terminal import Person
from voicemode.services import NAMES

pytestmark = pytest.mark.engine
WEIGHTS = ("kokoro", "kokoro-voices", "whisper-tiny.en", "smart-turn")


def newcomer(systemd: UserSystemd | None, wheel: Path, folder: Path) -> Person:
    ports = zip(("WHISPER", "KOKORO", "FRONTEND", "LIVEKIT"), free_ports(4), strict=True)
    settings = {f"VOICEMODE_{name}_PORT": str(port) for name, port in ports}
    person = Person.newcomer("whisper", folder, wheel, systemd, VOICEMODE_WHISPER_MODEL="tiny.en", **settings)
    path = f"{livekit_server().parent}{os.pathsep}{person.environ['PATH']}"
    return replace(person, environ={**person.environ, "PATH": path})


@pytest.fixture(params=["systemd", "none"])
def person(request: pytest.FixtureRequest, wheel: Path, tmp_path: Path) -> Iterator[Person]:
    systemd = request.getfixturevalue("user_systemd") if request.param == "systemd" else None
    somebody = newcomer(systemd, wheel, tmp_path / "program")
    yield somebody
    somebody.types("uninstall", "--yes")


def test_all_that_was_installed_is_gone(person: Person, weights: Callable[[str], Path], home: Path) -> None:
    before = listing(home)
    for name in WEIGHTS:
        shutil.copytree(weights(name), home / ".voicemode/models" / name)
        (home / f".voicemode/models/.{name}.lock").touch()
    for name in NAMES:
        person.types("service", "install", name)
    for name in NAMES:
        person.types("service", "start", name)
    person.types("config", "set", "tts_speed", "1.2")
    shown = person.types("uninstall", "--dry-run")
    assert "not VoiceMode's" not in shown
    assert "weights of Smart Turn" in shown
    assert shown.count("(pid ") == len(NAMES), "they run, and are ended first"
    person.types("uninstall", "--yes")
    assert listing(home) == before
