"""Recordings that nobody asked to keep have a bound."""

import os
import time
from pathlib import Path

import pytest

from voicemode.conversation.kept_recordings import kept_recordings, prune

DAY = 86_400.0


def recording(folder: Path, name: str, days: float) -> None:
    path = folder / name
    path.write_bytes(b"RIFF")
    os.utime(path, (time.time() - days * DAY,) * 2)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for day in range(5):
        recording(tmp_path, f"turn-2026112{day}-100000-7-000001.wav", days=5 - day)
    for other in ("saved-20260101-100000-7-000001.wav", "notes.wav"):
        recording(tmp_path, other, days=400)
    return tmp_path


def test_the_oldest_of_too_many_go_and_what_was_asked_for_stays(folder: Path) -> None:
    prune(folder, most=2, days=100)
    assert [path.name[5:13] for path in kept_recordings(folder)] == ["20261123", "20261124"]
    assert {"saved-20260101-100000-7-000001.wav", "notes.wav"} <= set(names(folder))


def test_what_is_too_old_goes(folder: Path) -> None:
    prune(folder, most=100, days=3.5)
    assert [path.name[5:13] for path in kept_recordings(folder)] == ["20261122", "20261123", "20261124"]


def test_a_turn_that_goes_on_is_not_touched(folder: Path) -> None:
    recording(folder, "turn-20261125-100000-7-000001.wav", days=0)
    prune(folder, most=0, days=100)
    assert [path.name[5:13] for path in kept_recordings(folder)] == ["20261125"]


def test_where_there_is_no_folder_there_is_nothing_to_do(tmp_path: Path) -> None:
    prune(tmp_path / "none", most=0, days=1)
    assert kept_recordings(tmp_path / "none") == []
