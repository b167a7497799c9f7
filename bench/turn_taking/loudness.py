"""How loud a recording is, 10 ms at a time."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from voicemode.audio.frames import Frame
from voicemode.audio.vad import RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_SECONDS = 0.01
FULL_SCALE = 32767
QUIET = 0.03
"""Of the loudest moments: what is softer is breath and room, 30 dB below."""
NOISE = 2.5
"""Times the quietest moments: what is no louder is the room, in a recording that is noisier than that."""
NOISY = 0.1
"""Of the loudest moments: what is louder is no room; there are recordings without silence."""
SMOOTH = 9
"""Moments of 10 ms: a click, or a breath, does not last for half of so many."""


def samples(audio: Frame) -> "NDArray[np.float64]":
    """From -32768 to 32767."""
    return np.frombuffer(audio.pcm, "<i2").astype(np.float64)


def sound(values: "NDArray[np.float64]") -> Frame:
    """The same as audio of 16 kHz."""
    return Frame(np.clip(np.rint(values), -FULL_SCALE, FULL_SCALE).astype("<i2").tobytes(), RATE)


def loudness(audio: Frame) -> "NDArray[np.float64]":
    """Root mean square of each 10 ms, a rest at the end left out; in units of a sample."""
    size = round(audio.rate * STEP_SECONDS)
    heard = samples(audio)
    blocks = heard[: len(heard) // size * size].reshape(-1, size)
    level: NDArray[np.float64] = np.sqrt((blocks**2).mean(axis=1))
    return level


def is_loud(level: "NDArray[np.float64]") -> "NDArray[np.bool_]":
    """Which of these moments are a voice, and neither breath, click nor room."""
    smooth = np.median(sliding_window_view(np.pad(level, SMOOTH // 2), SMOOTH), axis=1)
    room, loudest = np.percentile(level, [5, 99])
    voice: NDArray[np.bool_] = smooth >= max(QUIET * loudest, min(NOISE * room, NOISY * loudest))
    return voice


def voice_span(audio: Frame) -> tuple[float, float]:
    """Where the first sound of `audio` begins and its last one ends, in seconds."""
    loud = np.flatnonzero(is_loud(loudness(audio)))
    return float(loud[0]) * STEP_SECONDS, float(loud[-1] + 1) * STEP_SECONDS


def pauses(audio: Frame, at_least: float) -> list[tuple[float, float]]:
    """Silences between the first sound and the last that are no shorter, as (start, end) in seconds."""
    loud = np.flatnonzero(is_loud(loudness(audio)))
    gaps = [(before + 1, after) for before, after in pairwise(loud) if after > before + 1]
    spans = [(float(start) * STEP_SECONDS, float(end) * STEP_SECONDS) for start, end in gaps]
    return [(start, end) for start, end in spans if end - start >= at_least - 1e-9]
