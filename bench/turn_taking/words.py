"""Times of the words of a recording.

There is no aligner here: the duration of a word follows from its letters, and silences fall between words. Half of the 254
boundaries in `../shared/speech` are within 0.17 s of Whisper base's: enough to tell which words came before a pause.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from bench.turn_taking.loudness import pauses, voice_span
from voicemode.audio.frames import Frame

BREAK_SECONDS = 0.12
"""Silence longer than the closure of a stop consonant within a word."""


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    start: float
    """Start in seconds."""
    end: float

    def later(self, seconds: float) -> "Word":
        return replace(self, start=self.start + seconds, end=self.end + seconds)


def timed(audio: Frame, transcript: str) -> tuple[Word, ...]:
    """Return the words of `transcript`, with times."""
    words = transcript.split()
    islands = voiced(audio)
    shares = portions(words, [end - start for start, end in islands])
    return tuple(word for island, share in zip(islands, shares, strict=True) for word in spread(share, *island))


def voiced(audio: Frame) -> list[tuple[float, float]]:
    """Return the stretches of speech between silences, as (start, end) in seconds."""
    start, end = voice_span(audio)
    edges = [start, *(edge for pause in pauses(audio, BREAK_SECONDS) for edge in pause), end]
    return list(zip(edges[::2], edges[1::2], strict=True))


def portions(words: Sequence[str], seconds: Sequence[float]) -> list[list[str]]:
    """Distribute `words` in order over stretches of `seconds`, by their letters; a stretch can get none."""
    per_letter = sum(seconds) / max(1, sum(map(weight, words)))
    ends = [at * per_letter for at in accumulate(map(weight, words))]
    begins = [0.0, *ends]
    limits = [0.0, *accumulate(seconds)]
    # The end of a stretch is nearest to the beginning of the next word.
    cuts = [*(nearest(begins, limit) for limit in limits[:-1]), len(words)]
    return [list(words[start:end]) for start, end in pairwise(cuts)]


def nearest(values: Sequence[float], wanted: float) -> int:
    """Return the index of the value nearest to `wanted`."""
    return min(range(len(values)), key=lambda index: abs(values[index] - wanted))


def spread(words: Sequence[str], start: float, end: float) -> list[Word]:
    """Return `words`, one after the other from `start` to `end`, timed by their letters."""
    whole = sum(map(weight, words))
    edges = [start + (end - start) * at / whole for at in accumulate(map(weight, words), initial=0)] if words else []
    return [Word(word, *edge) for word, edge in zip(words, pairwise(edges), strict=True)]


def weight(word: str) -> int:
    """Return the relative duration of a word."""
    return len(word) + 1
