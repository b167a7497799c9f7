"""Finds speech that Whisper has left out. It does, and is sure of the rest. Pure: no audio, no model."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from voicemode.engines.whisper.words import STEP_SECONDS

MISSED_SECONDS = 0.65
"""Sound beside a pause, to one token: with so much, words are missing. 2 of 243 recordings that were read whole have more."""
WORDLESS_SECONDS = 1.0
"""Sound to one token, beside a pause or not: no word is that long."""
PAUSE_SECONDS = 0.2
"""The quiet between what was read and what was not."""
NEAR_STEPS = 15
"""A token may begin so much later, or end so much earlier, than its alignment says."""

Steps = Sequence[tuple[int, int]]
"""Pairs (number of a token, encoder step it was heard at), both ascending."""


def missed(steps: Steps, loud: Sequence[bool]) -> int | None:
    """Where to cut the audio so that what was left out is read by itself, in encoder steps; None if nothing was.

    `loud` says for each step whether there is sound in it.
    """
    span = max(spans(steps), key=lambda each: seconds_of(each, loud), default=range(0))
    seconds = seconds_of(span, loud)
    if seconds < MISSED_SECONDS:
        return None
    least = PAUSE_SECONDS if seconds < WORDLESS_SECONDS else STEP_SECONDS
    beside = [
        quiet
        for quiet in pauses(loud, least)
        if quiet.start <= span.stop + NEAR_STEPS and quiet.stop >= span.start - NEAR_STEPS
    ]
    longest = max(beside, key=len, default=None)
    return None if longest is None else (longest.start + longest.stop) // 2


def wordless(steps: Steps, loud: Sequence[bool]) -> Iterator[range]:
    """The steps of tokens with more sound to them than a word has."""
    return (span for span in spans(steps) if seconds_of(span, loud) >= WORDLESS_SECONDS)


def spans(steps: Steps) -> Iterator[range]:
    """The steps of each token."""
    for _, taken in groupby(steps, key=lambda pair: pair[0]):
        heard = [step for _, step in taken]
        yield range(heard[0], heard[-1] + 1)


def seconds_of(span: range, loud: Sequence[bool]) -> float:
    """Seconds of sound in `span`."""
    return sum(loud[span.start : span.stop]) * STEP_SECONDS


def pauses(loud: Sequence[bool], least_seconds: float = PAUSE_SECONDS) -> Iterator[range]:
    """The quiet between two sounds, where it is long enough."""
    at = 0
    for sounding, same in groupby(loud):
        start, at = at, at + len(list(same))
        if not sounding and start and at < len(loud) and (at - start) * STEP_SECONDS >= least_seconds:
            yield range(start, at)
