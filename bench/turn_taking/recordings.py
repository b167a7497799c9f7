"""Recordings of people who say a sentence each, with transcripts."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.turn_taking.loudness import loudness
from bench.turn_taking.words import Word, timed
from tests.support.paths import REPOSITORY
from voicemode.audio.frames import Frame
from voicemode.audio.resample import Resampler
from voicemode.audio.vad import RATE
from voicemode.audio.wav import read_wav

OWN = REPOSITORY / "tests/recordings"
"""Five sentences by one person."""
SHARED = REPOSITORY.parent / "shared/speech"
"""25 sentences by nine people, if available."""
TUNED_BY = ("LJ002", "jfk", "ls-2412", "sb-spk2")
"""Every second reader of SHARED: the waits were tuned on these readers, and the others are held out."""
FAINT = 500.0
"""Root mean square of the loudest moments below which a recording is fainter than speech at a microphone."""
SENTENCES = ("to leave my native country",)
"""Ends of sentences inside recordings, where no pause is inserted; the transcripts have no full stops."""


@dataclass(frozen=True, slots=True)
class Clip:
    name: str
    audio: Frame
    """Audio of 16 kHz."""
    words: tuple[Word, ...]


def default_folder() -> Path:
    return SHARED if SHARED.is_dir() else OWN


def recorded(folder: Path) -> list[Clip]:
    """Return the recordings listed in `manifest.tsv` in `folder`, by columns `file` and `transcript`. Raises OSError."""
    with (folder / "manifest.tsv").open(encoding="utf-8") as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t"))
    return [clip(row["file"], at_16_khz(read_wav(folder / row["file"])), row["transcript"]) for row in rows]


def clips(folder: Path) -> list[Clip]:
    """Return the recordings that are loud enough. Raises OSError."""
    return [each for each in recorded(folder) if loud_enough(each.audio)]


def clip(file: str, audio: Frame, transcript: str) -> Clip:
    said = transcript.lower()
    for end in SENTENCES:
        said = said.replace(end, f"{end}.")
    return Clip(Path(file).stem, audio, timed(audio, said))


def at_16_khz(audio: Frame) -> Frame:
    resampler = Resampler(RATE)
    return Frame(resampler.convert(audio).pcm + resampler.finish().pcm, RATE)


def loud_enough(audio: Frame) -> bool:
    """True if `audio` is as loud as speech at a microphone. In fainter recordings, 16 bits cannot hold the last sounds."""
    return float(np.percentile(loudness(audio), 99)) >= FAINT
