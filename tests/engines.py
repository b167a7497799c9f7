"""Fixtures: the real Whisper engines, and recordings of people to try them on."""

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from voicemode.audio.codec import read_wav
from voicemode.audio.frames import Frame

if TYPE_CHECKING:
    from voicemode.services._api.whisper_engine import WhisperEngine

SPEECH = Path(__file__).parent / "speech"

Whisper = Callable[[str], "WhisperEngine"]
"""The engine with the weights of that name, `tiny.en` or `base`; skips the test if they cannot be had."""


@pytest.fixture(scope="session")
def whisper(weights: Callable[[str], Path]) -> Whisper:
    from voicemode.services._api.whisper_engine import load_whisper

    @cache
    def load(name: str) -> "WhisperEngine":
        return load_whisper(weights(f"whisper-{name}"), name, threads=2)

    return load


def sentences() -> list[tuple[Path, str]]:
    """Recordings of a person, in order, with what is said."""
    with (SPEECH / "manifest.tsv").open(encoding="utf-8") as manifest:
        return [(SPEECH / row["file"], row["transcript"]) for row in csv.DictReader(manifest, delimiter="\t")]


def recording(path: Path) -> Frame:
    return read_wav(path)
