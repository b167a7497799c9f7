"""Has Whisper left out what is said before or after a pause? It does, and is sure of the rest. Pure: no audio, no model."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from voicemode.engines.whisper.words import STEP_SECONDS

MISSED_SECONDS = 0.65
"""Sound beside a pause, to one token: with so much, words are missing. 2 of 243 recordings that were read whole have more."""
PAUSE_SECONDS = 0.2
"""The quiet between what was read and what was not."""


def missed(steps: Sequence[tuple[int, int]], loud: Sequence[bool]) -> int | None:
    """Where to cut the audio so that what was left out is read by itself, in encoder steps; None if nothing was.

    Args:
        steps: Pairs (number of a token, encoder step it was heard at), both ascending.
        loud: For each step, whether there is sound in it.
    """
    first, last = slowest(steps, loud)
    if sum(loud[first : last + 1]) * STEP_SECONDS < MISSED_SECONDS:
        return None
    beside = [pause for pause in pauses(loud) if pause.start <= last + 1 and pause.stop >= first]
    longest = max(beside, key=len, default=None)
    return None if longest is None else (longest.start + longest.stop) // 2


def slowest(steps: Sequence[tuple[int, int]], loud: Sequence[bool]) -> tuple[int, int]:
    """The first and the last step of the token with the most sound to it."""
    spans = []
    for _, taken in groupby(steps, key=lambda pair: pair[0]):
        heard = [step for _, step in taken]
        spans.append((heard[0], heard[-1]))
    return max(spans, key=lambda span: sum(loud[span[0] : span[1] + 1]), default=(0, 0))


def pauses(loud: Sequence[bool]) -> Iterator[range]:
    """The quiet between two sounds, where it is long enough."""
    at = 0
    for sounding, same in groupby(loud):
        start, at = at, at + len(list(same))
        if not sounding and start and at < len(loud) and (at - start) * STEP_SECONDS >= PAUSE_SECONDS:
            yield range(start, at)
