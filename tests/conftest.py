"""Every test gets a home of its own; nothing of the person who runs the tests leaks in, nothing leaks out."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HOME and working directory, and no setting in the environment."""
    for name in list(os.environ):
        if name.startswith("VOICEMODE_") or name in {"OPENAI_API_KEY", "HF_ENDPOINT", "EDITOR", "VISUAL"}:
            monkeypatch.delenv(name)
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    monkeypatch.setenv("USERPROFILE", str(path))
    monkeypatch.chdir(path)
    return path
