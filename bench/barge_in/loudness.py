"""How loud we and people are."""

import numpy as np

from bench.turn_taking.loudness import is_loud, loudness, samples, sound, voice_span
from voicemode.audio.frames import Frame
from voicemode.audio.vad import RATE

SPOKEN_DB = -23.0
"""Of full scale: we at the speaker, and people at the microphone."""


def at_usual_loudness(audio: Frame) -> Frame:
    """With its speech, pauses left out, at SPOKEN_DB."""
    level = loudness(audio)
    usual = float(np.sqrt((level[is_loud(level)] ** 2).mean()))
    return sound(samples(audio) * (32768 * 10 ** (SPOKEN_DB / 20) / usual))


def speaking(audio: Frame) -> Frame:
    """From the first sound to the last."""
    start, end = voice_span(audio)
    return sound(samples(audio)[round(start * RATE) : round(end * RATE)])
