"""Sounds that signal whose turn it is: soft, and shorter than the onset of a turn."""

import math
from array import array

from voicemode.audio.frames import Frame, pcm_of

NOTE_SECONDS = 0.04
"""Length of a note. WebRTC's VAD lasts up to 0.1 s after the second one; both together stay below the onset of a turn."""
LEVEL = 0.12
"""Share of full scale: about -18 dB."""
LOW, HIGH = 523.25, 783.99
"""Pitches in hertz: C5, G5."""


def listening_cue(rate: int) -> Frame:
    """Return the rising cue: it is your turn."""
    return _melody(rate, LOW, HIGH)


def done_cue(rate: int) -> Frame:
    """Return the falling cue: I have heard you."""
    return _melody(rate, HIGH, LOW)


def _melody(rate: int, *pitches: float) -> Frame:
    samples = array("h")
    for pitch in pitches:
        samples.extend(_note(rate, pitch))
    return Frame(pcm_of(samples), rate)


def _note(rate: int, pitch: float) -> "array[int]":
    count = round(rate * NOTE_SECONDS)
    # A half-sine envelope: hard edges would click.
    return array(
        "h",
        (
            round(32767 * LEVEL * math.sin(math.pi * index / count) * math.sin(2 * math.pi * pitch * index / rate))
            for index in range(count)
        ),
    )
