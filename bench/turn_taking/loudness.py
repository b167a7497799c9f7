"""Loudness of a recording in steps of 10 ms."""

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
"""Share of the loudest level, below which audio is breath and room noise: 30 dB less."""
NOISE = 2.5
"""Multiple of the quietest level, up to which audio is room noise in a recording noisier than QUIET."""
NOISY = 0.1
"""Share of the loudest level, above which audio is never room noise, as some recordings have no silence."""
SMOOTH = 9
"""Steps of the median filter: a click or a breath lasts less than half as many."""


def samples(audio: Frame) -> "NDArray[np.float64]":
    """Return the samples of `audio`, from -32768 to 32767."""
    return np.frombuffer(audio.pcm, "<i2").astype(np.float64)


def sound(values: "NDArray[np.float64]") -> Frame:
    """Return samples as audio of 16 kHz."""
    return Frame(np.clip(np.rint(values), -FULL_SCALE, FULL_SCALE).astype("<i2").tobytes(), RATE)


def loudness(audio: Frame) -> "NDArray[np.float64]":
    """Return the root mean square of each full 10 ms, in units of a sample."""
    size = round(audio.rate * STEP_SECONDS)
    heard = samples(audio)
    blocks = heard[: len(heard) // size * size].reshape(-1, size)
    level: NDArray[np.float64] = np.sqrt((blocks**2).mean(axis=1))
    return level


def is_loud(level: "NDArray[np.float64]") -> "NDArray[np.bool_]":
    """Return a mask of the moments that are voice, and neither breath, click nor room noise."""
    smooth = np.median(sliding_window_view(np.pad(level, SMOOTH // 2), SMOOTH), axis=1)
    room, loudest = np.percentile(level, [5, 99])
    voice: NDArray[np.bool_] = smooth >= max(QUIET * loudest, min(NOISE * room, NOISY * loudest))
    return voice


def voice_span(audio: Frame) -> tuple[float, float]:
    """Return the beginning of the first sound of `audio` and the end of the last, in seconds."""
    loud = np.flatnonzero(is_loud(loudness(audio)))
    return float(loud[0]) * STEP_SECONDS, float(loud[-1] + 1) * STEP_SECONDS


def pauses(audio: Frame, at_least: float) -> list[tuple[float, float]]:
    """Return the silences of `at_least` seconds between the first and the last sound, as (start, end) in seconds."""
    loud = np.flatnonzero(is_loud(loudness(audio)))
    gaps = [(before + 1, after) for before, after in pairwise(loud) if after > before + 1]
    spans = [(float(start) * STEP_SECONDS, float(end) * STEP_SECONDS) for start, end in gaps]
    return [(start, end) for start, end in spans if end - start >= at_least - 1e-9]
