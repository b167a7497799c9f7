"""Cuts a recording of any length into stretches that Whisper takes whole. Needs numpy, as `log_mel` does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from voicemode.audio.frames import SAMPLE_BYTES, Frame
from voicemode.audio.turns.log_mel import RATE, Floats
from voicemode.audio.vad import create_vad

LONGEST_SECONDS = 26.0
"""With the 4 s that the encoder wants beyond the end, this fills Whisper's window of 30 s."""
SHORTEST_SECONDS = 12.0
"""A stretch is cut at the quietest place after this."""
PAUSE_SECONDS = 0.3
"""A cut is in the middle of so much quiet."""
SPEECH_SECONDS = 0.15
"""Less speech than this in a stretch is none: a click, a breath."""
SOUND_SHARE = 0.35
"""How far between the quiet and the loud (in decibels) sound begins: weak consonants count, breath does not."""
STEP = RATE // 50
"""Samples over which loudness is measured: 20 ms."""
FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a recording, up to LONGEST_SECONDS long."""

    pcm: bytes
    """16-bit, mono, 16 kHz."""
    start_seconds: float

    @property
    def seconds(self) -> float:
        return len(self.pcm) / SAMPLE_BYTES / RATE

    @property
    def samples(self) -> Floats:
        """From -1 to 1."""
        return np.frombuffer(self.pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE)

    def loud(self) -> list[bool]:
        """For each 20 ms: is there sound in it, measured against the quietest and the loudest of the stretch?"""
        decibels = 10 * np.log10(_power(self.pcm) + 1.0)
        quiet, peak = np.percentile(decibels, [10, 95]) if len(decibels) else (0.0, 0.0)
        return [bool(loud) for loud in decibels > quiet + SOUND_SHARE * (peak - quiet)]

    def cut(self, step: int) -> "tuple[Stretch, Stretch]":
        """Split before the 20 ms frame with that number."""
        return self.part(0, step), self.part(step, len(self.pcm))

    def part(self, first: int, end: int) -> "Stretch":
        """Return the 20 ms frames from number `first` until before number `end`."""
        width = STEP * SAMPLE_BYTES
        return Stretch(self.pcm[first * width : end * width], self.start_seconds + first * STEP / RATE)


def stretches(frames: Iterable[Frame]) -> Iterator[Stretch]:
    """All of `frames` (16 kHz), cut at pauses; never more than one stretch is held in memory."""
    pending = bytearray()
    done_bytes = 0
    longest = round(LONGEST_SECONDS * RATE) * SAMPLE_BYTES
    for frame in frames:
        pending += frame.pcm
        while len(pending) > longest:
            cut = quietest(bytes(pending[:longest]))
            yield Stretch(bytes(pending[:cut]), done_bytes / SAMPLE_BYTES / RATE)
            del pending[:cut]
            done_bytes += cut
    if pending:
        yield Stretch(bytes(pending), done_bytes / SAMPLE_BYTES / RATE)


def quietest(pcm: bytes) -> int:
    """Where to cut `pcm`, in bytes: the last of the quietest pauses after SHORTEST_SECONDS."""
    width = round(PAUSE_SECONDS * RATE / STEP)
    loudness = np.convolve(_power(pcm), np.ones(width), mode="valid")
    first = round(SHORTEST_SECONDS * RATE / STEP)
    quiet = loudness[first:]
    last = len(quiet) - 1 - int(np.argmin(quiet[::-1]))
    return (first + last + width // 2) * STEP * SAMPLE_BYTES


def _power(pcm: bytes) -> Floats:
    """Mean square of each STEP."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    steps = samples[: len(samples) // STEP * STEP].reshape(-1, STEP)
    return np.asarray((steps**2).mean(axis=1), np.float32)


def has_speech(pcm: bytes, seconds: float = SPEECH_SECONDS) -> bool:
    """Does a voice detector hear speech of `seconds` in `pcm`? Slow (4 % of its length): for where Whisper is in doubt."""
    vad = create_vad("auto", 1)
    size = round(vad.frame_seconds * RATE) * SAMPLE_BYTES
    heard = 0.0
    for start in range(0, len(pcm) - size + 1, size):
        if vad.is_speech(Frame(pcm[start : start + size], RATE)):
            heard += vad.frame_seconds
            if heard >= seconds:
                return True
    return False
