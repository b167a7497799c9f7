"""When each word of a recording is said.

There is no aligner here: words take time by their letters, and silences fall between words. Half of the 254 boundaries in
`../shared/speech` are within 0.17 s of where Whisper base hears them, which says about which words came before a pause.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from bench.turn_taking.loudness import pauses, voice_span
from voicemode.audio.frames import Frame

BREAK_SECONDS = 0.12
"""Silence that is no closure of a stop within a word."""


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    start: float
    """Seconds."""
    end: float

    def later(self, seconds: float) -> "Word":
        return replace(self, start=self.start + seconds, end=self.end + seconds)


def timed(audio: Frame, transcript: str) -> tuple[Word, ...]:
    """The words of `transcript`, with times."""
    words = transcript.split()
    islands = voiced(audio)
    shares = portions(words, [end - start for start, end in islands])
    return tuple(word for island, share in zip(islands, shares, strict=True) for word in spread(share, *island))


def voiced(audio: Frame) -> list[tuple[float, float]]:
    """Stretches of speech between silences, as (start, end) in seconds."""
    start, end = voice_span(audio)
    edges = [start, *(edge for pause in pauses(audio, BREAK_SECONDS) for edge in pause), end]
    return list(zip(edges[::2], edges[1::2], strict=True))


def portions(words: Sequence[str], seconds: Sequence[float]) -> list[list[str]]:
    """`words` dealt out to stretches of so many seconds, by their letters; in order, a stretch may get none."""
    per_letter = sum(seconds) / max(1, sum(map(weight, words)))
    ends = [at * per_letter for at in accumulate(map(weight, words))]
    begins = [0.0, *ends]
    limits = [0.0, *accumulate(seconds)]
    # Where a stretch ends is nearest to the beginning of the word after it.
    cuts = [*(nearest(begins, limit) for limit in limits[:-1]), len(words)]
    return [list(words[start:end]) for start, end in pairwise(cuts)]


def nearest(values: Sequence[float], wanted: float) -> int:
    """Which of `values` that is."""
    return min(range(len(values)), key=lambda index: abs(values[index] - wanted))


def spread(words: Sequence[str], start: float, end: float) -> list[Word]:
    """`words`, one after the other from `start` to `end`, by their letters."""
    whole = sum(map(weight, words))
    edges = [start + (end - start) * at / whole for at in accumulate(map(weight, words), initial=0)] if words else []
    return [Word(word, *edge) for word, edge in zip(words, pairwise(edges), strict=True)]


def weight(word: str) -> int:
    """How long a word takes to say, against others."""
    return len(word) + 1
