"""Give every test its own home; nothing of the person who runs the tests leaks in, and nothing leaks out."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.neighbours import NOBODY, Neighbours
from tests.support.rig import VirtualSound, missing
from voicemode import egress, log

pytest_plugins = [
    "tests.support.agents",
    "tests.support.engines",
    "tests.support.engines_kokoro",
    "tests.support.livekit_server",
    "tests.support.settings_files",
    "tests.support.wheels",
    "tests.support.systemd",
]


def pytest_configure(config: pytest.Config) -> None:
    """Restore signals that are ignored in the background or under nohup, because child processes would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Solitude(), "solitude")


class Solitude:
    """Names at the end of a run what looked at what else runs on the machine. It does not fail the run yet: some still do."""

    def __init__(self) -> None:
        self._neighbours = Neighbours()

    def pytest_sessionstart(self) -> None:
        self._neighbours.open()

    def pytest_sessionfinish(self) -> None:
        self._neighbours.close()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for visit in sorted(self._neighbours.visits):
            terminalreporter.line(f"A test looked at what else runs on this machine, {visit}", red=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--part", choices=PARTS, help="Only the tests that mostly wait, those with sound or engines, or the quick ones."
    )


PARTS = ("fast", "waiting", "real-time")
REAL_TIME = {"virtual_sound", "engines", "weights", "us", "network", "browser"}
"""Fixtures of tests that need the machine to themselves: audio, engines, rooms, a page."""
INSTALLING = (
    *("test_containers.py", "services/install/test_install.py", "services/test_service_life.py"),
    "services/uninstall/test_everything.py",
)
"""Tests that use engines, but not in real time."""
OUTSIDE = {"wheel", "livekit", "user_systemd"}
"""Fixtures of tests that install something or run a foreign server."""
SLOW = (
    *INSTALLING,
    *("test_egress.py", "test_install.py", "test_server.py", "test_soak.py", "test_wheels.py"),
    *("cli/test_cli.py", "cli/test_frontend.py", "cli/test_service.py", "cli/test_steer.py", "tools/test_providers.py"),
    *(
        "providers/test_failures.py",
        "providers/test_nobody_answers.py",
        "speech/openai/test_limits.py",
        "speech/test_wyoming.py",
    ),
    *("audio/echo", "audio/test_codec.py", "bench", "control/test_control.py", "engines", "frontend", "models/test_models.py"),
    *("services/install", "services/livekit_server", "services/manager", "services/supervisors"),
    *("services/test_failure.py", "services/test_process.py", "services/test_waiting.py"),
    *("tools/test_models.py", "transports/livekit", "web/test_rooms.py", "web/test_server.py"),
)
"""Files and folders of tests that are slow without those fixtures: real processes, installers, thousands of turns."""
HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of other parts; the fast ones are a subset of the waiting ones."""
    if part := config.getoption("part"):
        left_out = [item for item in items if part not in parts_of(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if part in parts_of(item)]


def parts_of(item: pytest.Item) -> set[str]:
    fixtures, place = set(getattr(item, "fixturenames", ())), item.path.relative_to(HERE)
    if REAL_TIME & fixtures and place.as_posix() not in INSTALLING:
        return {"real-time"}
    slow = OUTSIDE & fixtures or any(place.is_relative_to(name) for name in SLOW)
    return {"waiting"} if slow else {"waiting", "fast"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty HOME and working directory, without settings in the environment; log handlers and egress switch are reset."""
    for name in list(os.environ):
        if name.startswith(("VOICEMODE_", "LIVEKIT_")) or name in {"OPENAI_API_KEY", "HF_ENDPOINT", "EDITOR", "VISUAL"}:
            monkeypatch.delenv(name)
    for name, port in NOBODY.items():
        monkeypatch.setenv(name, port)
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    monkeypatch.setenv("USERPROFILE", str(path))
    monkeypatch.chdir(path)
    yield path
    log.reset()
    egress.enforce(False)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Backend of coroutine tests: asyncio, as in VoiceMode."""
    return "asyncio"


@pytest.fixture(scope="session")
def virtual_sound() -> Iterator[VirtualSound]:
    """A sound card for this process and, through its `environ`, for others."""
    if reason := missing():
        pytest.skip(reason)
    with VirtualSound() as card, pytest.MonkeyPatch.context() as patch:
        for name, value in card.environ.items():
            patch.setenv(name, value)
        yield card
