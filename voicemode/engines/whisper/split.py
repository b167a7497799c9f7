"""Cuts a recording of any length into stretches that fit Whisper's window. Needs numpy, as `log_mel` does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from voicemode.audio.frames import SAMPLE_BYTES, Frame
from voicemode.audio.turns.log_mel import RATE, Floats
from voicemode.audio.vad import create_vad

LONGEST_SECONDS = 26.0
"""Longest stretch: with the 4 s the encoder needs beyond the end, it fills Whisper's window of 30 s."""
SHORTEST_SECONDS = 12.0
"""Shortest stretch: it is cut at the quietest place after this."""
PAUSE_SECONDS = 0.3
"""Length of the quiet interval in whose middle a cut is made."""
SPEECH_SECONDS = 0.15
"""Least speech in a stretch; anything shorter is a click or a breath."""
SOUND_SHARE = 0.35
"""Threshold of sound on a decibel scale from quiet (0) to loud (1): weak consonants count, breath does not."""
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
        """The samples as floats from -1 to 1."""
        return np.frombuffer(self.pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE)

    def loud(self) -> list[bool]:
        """Return True for each 20 ms with sound, measured against the quietest and loudest parts of the stretch."""
        decibels = 10 * np.log10(_power(self.pcm) + 1.0)
        quiet, peak = np.percentile(decibels, [10, 95]) if len(decibels) else (0.0, 0.0)
        return [bool(loud) for loud in decibels > quiet + SOUND_SHARE * (peak - quiet)]

    def cut(self, step: int) -> "tuple[Stretch, Stretch]":
        """Split before the 20 ms frame with number `step`."""
        return self.part(0, step), self.part(step, len(self.pcm))

    def part(self, first: int, end: int) -> "Stretch":
        """Return the 20 ms frames from number `first` until before number `end`."""
        width = STEP * SAMPLE_BYTES
        return Stretch(self.pcm[first * width : end * width], self.start_seconds + first * STEP / RATE)


def stretches(frames: Iterable[Frame]) -> Iterator[Stretch]:
    """Yield `frames` (16 kHz) in stretches, cut at pauses; at most one stretch is held in memory."""
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
    """Return the byte offset to cut `pcm` at: the last of the quietest pauses after SHORTEST_SECONDS."""
    width = round(PAUSE_SECONDS * RATE / STEP)
    loudness = np.convolve(_power(pcm), np.ones(width), mode="valid")
    first = round(SHORTEST_SECONDS * RATE / STEP)
    quiet = loudness[first:]
    last = len(quiet) - 1 - int(np.argmin(quiet[::-1]))
    return (first + last + width // 2) * STEP * SAMPLE_BYTES


def _power(pcm: bytes) -> Floats:
    """Return the mean square of each STEP."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    steps = samples[: len(samples) // STEP * STEP].reshape(-1, STEP)
    return np.asarray((steps**2).mean(axis=1), np.float32)


def has_speech(pcm: bytes, seconds: float = SPEECH_SECONDS) -> bool:
    """True if a voice detector finds `seconds` of speech in `pcm`. Slow (4 % of real time): for doubtful results only."""
    vad = create_vad("auto", 1)
    size = round(vad.frame_seconds * RATE) * SAMPLE_BYTES
    heard = 0.0
    for start in range(0, len(pcm) - size + 1, size):
        if vad.is_speech(Frame(pcm[start : start + size], RATE)):
            heard += vad.frame_seconds
            if heard >= seconds:
                return True
    return False
