"""Loudness of our voice and of people."""

import numpy as np

from bench.turn_taking.loudness import is_loud, loudness, samples, sound, voice_span
from voicemode.audio.frames import Frame
from voicemode.audio.vad import RATE

SPOKEN_DB = -23.0
"""Level, relative to full scale, of our voice at the speaker and of people at the microphone."""


def at_usual_loudness(audio: Frame) -> Frame:
    """Return `audio` scaled so that its speech, without pauses, is at SPOKEN_DB."""
    level = loudness(audio)
    usual = float(np.sqrt((level[is_loud(level)] ** 2).mean()))
    return sound(samples(audio) * (32768 * 10 ** (SPOKEN_DB / 20) / usual))


def speaking(audio: Frame) -> Frame:
    """Return `audio` from the first sound to the last."""
    start, end = voice_span(audio)
    return sound(samples(audio)[round(start * RATE) : round(end * RATE)])
