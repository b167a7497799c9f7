"""Fixtures: the real Whisper engines."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from voicemode.audio.codec import read_wav
from voicemode.audio.frames import Frame

if TYPE_CHECKING:
    from voicemode.engines.whisper.engine import WhisperEngine

Whisper = Callable[[str], "WhisperEngine"]
"""Returns the engine with the weights `tiny.en` or `base`; skips the test if they are unavailable."""


@pytest.fixture(scope="session")
def whisper(weights: Callable[[str], Path]) -> Whisper:
    from voicemode.engines.whisper.engine import load_whisper

    @cache
    def load(name: str) -> "WhisperEngine":
        return load_whisper(weights(f"whisper-{name}"), name, threads=2)

    return load


def recording(path: Path) -> Frame:
    return read_wav(path)
