"""A speech-to-text that has the transcript, and answers with the part of it that is in the audio.

The listener finds the audio in the utterance by loudness, so it understands a beginning, an end or a middle, with any
silence around it, and a word that is not in the audio is missing from the answer. It ends a cut-off sentence as Whisper
does: 18 of 23 cut recordings came back with a full stop.
"""

import json
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.turn_taking.loudness import QUIET, STEP_SECONDS, loudness
from bench.turn_taking.words import Word
from voicemode.audio.frames import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

Manner = Literal["careless", "plain"]
"""A full stop after every answer (careless), or only at the end of the sentence (plain)."""
ENOUGH = 0.6
"""Share of a word that must be in the audio to understand the word."""


class Listener:
    def __init__(self, audio: Frame, words: Sequence[Word], manner: Manner = "careless") -> None:
        """Take `words` as the transcript of `audio`."""
        self._words = words
        self._level = loudness(audio)
        self._manner = manner

    def hear(self, audio: Frame) -> str:
        """Return the transcript of `audio`, of any rate; empty if nobody speaks."""
        level = loudness(audio)
        if level.max(initial=0.0) < QUIET * self._level.max():
            return ""
        start = place(level, self._level) * STEP_SECONDS
        return self.written(understood(self._words, start, start + audio.seconds))

    def written(self, words: Sequence[Word]) -> str:
        """Return `words` as a person would write them."""
        text = " ".join(word.text for word in words)
        if words and words[0] is self._words[0]:
            text = text[:1].upper() + text[1:]
        finished = bool(words) and words[-1] is self._words[-1]
        return f"{text}." if finished or (words and self._manner == "careless") else text


def save_listener(path: Path, audio: Frame, words: Sequence[Word], manner: Manner) -> None:
    """Save at `path` the data from which another process makes a listener."""
    told = {"pcm": audio.pcm.hex(), "rate": audio.rate, "words": [astuple(word) for word in words], "manner": manner}
    path.write_text(json.dumps(told), encoding="utf-8")


def load_listener(path: Path) -> Listener:
    told = json.loads(path.read_text(encoding="utf-8"))
    words = [Word(*word) for word in told["words"]]
    return Listener(Frame(bytes.fromhex(told["pcm"]), told["rate"]), words, told["manner"])


def understood(words: Sequence[Word], start: float, end: float) -> list[Word]:
    """Return the words of which at least the share ENOUGH lies between `start` and `end`."""
    return [word for word in words if min(word.end, end) - max(word.start, start) >= ENOUGH * (word.end - word.start)]


def place(part: "NDArray[np.float64]", whole: "NDArray[np.float64]") -> int:
    """Return the index in `whole` where the loudness of `part` fits best; below 0 if `part` begins earlier."""
    silent = np.zeros(len(part))
    around = np.concatenate([silent, whole, silent])
    alike = np.correlate(around, part, "valid")
    power = np.concatenate([[0.0], np.cumsum(around**2)])
    # Least squares: common loudness counts for a place, the rest against it.
    difference = power[len(part) :] - power[: len(around) - len(part) + 1] - 2 * alike
    return int(np.argmin(difference)) - len(part)
