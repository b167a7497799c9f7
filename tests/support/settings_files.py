"""Fixtures that write settings files."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[str], Path]
"""Writes its argument to a file, and returns the path."""
POSIX = pytest.mark.skipif(os.name == "nt", reason="file modes and links are POSIX")


@pytest.fixture
def user(home: Path) -> Write:
    """A function that writes the user's settings file."""
    return writer(home / ".voicemode" / "voicemode.env")


def writer(path: Path) -> Write:
    def write(text: str) -> Path:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
        return path

    return write
