"""Every test gets a home of its own; nothing of the person who runs the tests leaks in, nothing leaks out."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig import VirtualSound, missing
from voicemode import egress, log

pytest_plugins = [
    "tests.agents",
    "tests.engines",
    "tests.engines_kokoro",
    "tests.settings_files",
    "tests.wheels",
    "tests.systemd",
]


def pytest_configure() -> None:
    """Whoever runs us in the background has SIGINT ignored, and every program that a test starts would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty HOME and working directory, no setting in the environment; no log handler and no switch stays behind."""
    for name in list(os.environ):
        if name.startswith("VOICEMODE_") or name in {"OPENAI_API_KEY", "HF_ENDPOINT", "EDITOR", "VISUAL"}:
            monkeypatch.delenv(name)
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
    """Coroutines in tests run on asyncio, as VoiceMode does."""
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
