"""Loudness of PCM."""

import math

from voicemode.audio.frames import Frame, samples_of

FULL_SCALE = 32768
SILENCE_DB = -96.0
"""Half of the smallest step that 16 bits can tell from nothing."""


def level_db(frame: Frame) -> float:
    """Root mean square of `frame` in decibels below full scale: -20 is a voice nearby, -60 a quiet room."""
    samples = samples_of(frame.pcm)
    power = sum(sample * sample for sample in samples) / max(1, len(samples))
    return max(SILENCE_DB, 10 * math.log10(power / FULL_SCALE**2)) if power else SILENCE_DB
