"""Detection of speech that Whisper left out, however confident it is of the rest. Pure: no audio, no model."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from voicemode.engines.whisper.words import STEP_SECONDS

MISSED_SECONDS = 0.65
"""Seconds of sound in one token beside a pause that indicate missing words. 2 of 243 complete transcripts exceed them."""
WORDLESS_SECONDS = 1.0
"""Seconds of sound in one token, beside a pause or not, that no word reaches."""
PAUSE_SECONDS = 0.2
"""Shortest silence between recognised and missed speech."""
NEAR_STEPS = 15
"""Encoder steps by which a token can begin later, or end earlier, than its alignment says."""

Steps = Sequence[tuple[int, int]]
"""Pairs (token index, encoder step aligned with it), both ascending."""


def missed(steps: Steps, loud: Sequence[bool]) -> int | None:
    """Return the encoder step to cut the audio at so that missed speech is read by itself; None if none was missed.

    `loud` is true for each step with sound.
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
    """Yield the steps of each token with more sound than a word has."""
    return (span for span in spans(steps) if seconds_of(span, loud) >= WORDLESS_SECONDS)


def spans(steps: Steps) -> Iterator[range]:
    """Yield the steps of each token."""
    for _, taken in groupby(steps, key=lambda pair: pair[0]):
        heard = [step for _, step in taken]
        yield range(heard[0], heard[-1] + 1)


def seconds_of(span: range, loud: Sequence[bool]) -> float:
    """Return the seconds of sound in `span`."""
    return sum(loud[span.start : span.stop]) * STEP_SECONDS


def pauses(loud: Sequence[bool], least_seconds: float = PAUSE_SECONDS) -> Iterator[range]:
    """Yield each silence between two sounds that lasts at least `least_seconds`."""
    at = 0
    for sounding, same in groupby(loud):
        start, at = at, at + len(list(same))
        if not sounding and start and at < len(loud) and (at - start) * STEP_SECONDS >= least_seconds:
            yield range(start, at)
