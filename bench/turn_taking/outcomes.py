"""Outcome of a turn: was the person cut off, how long did the result take, which words are missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from bench.turn_taking.utterances import Utterance
from tests.support.wer import normal

HINDSIGHT_SECONDS = 0.6
"""A result that comes within this time after a pause was decided during the pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    name: str
    """Name of the recording."""
    pause_seconds: float
    """Length of the pause cut into the middle; 0 means none."""
    wait_seconds: float
    """Seconds from the last sound to the result; below 0 if the result came first."""
    early: bool
    """True if the result came before that pause began, and so says nothing about the pause."""
    held: bool
    """True if the result came after that pause: the pause did not end the turn."""
    ended: str
    """Reason for the end of the turn, from the result."""
    text: str
    """Transcript in the result."""
    missing_at_start: int
    """Words missing before the first that is in the result."""
    missing_at_end: int

    @property
    def cut_off(self) -> bool:
        """True if the turn ended before the person had finished."""
        return self.wait_seconds < 0 or self.missing_at_end > 1

    @property
    def cut_in_pause(self) -> bool:
        """True if that pause cut the person off, or without such a pause any of the person's own."""
        return self.cut_off and not self.held

    @property
    def first_word_lost(self) -> bool:
        return self.missing_at_start > 0

    @property
    def last_word_lost(self) -> bool:
        return self.missing_at_end > 0 and not self.cut_off


def outcome(utterance: Utterance, wait_seconds: float, ended: str, text: str) -> Outcome:
    """Return the outcome of the turn with `utterance`."""
    before, after = missing([word.text for word in utterance.words], text)
    answered_at = utterance.last_sound + wait_seconds
    pause_ends = utterance.paused_at + utterance.pause_seconds
    return Outcome(
        name=utterance.name,
        pause_seconds=utterance.pause_seconds,
        wait_seconds=wait_seconds,
        early=answered_at < utterance.paused_at,
        held=utterance.pause_seconds > 0 and answered_at > pause_ends + HINDSIGHT_SECONDS,
        ended=ended,
        text=text,
        missing_at_start=before,
        missing_at_end=after,
    )


def missing(said: Sequence[str], text: str) -> tuple[int, int]:
    """Return the numbers of words of `said` missing before the first that is in `text`, and after the last."""
    words, heard = normal(" ".join(said)), normal(text)
    blocks = SequenceMatcher(None, words, heard, autojunk=False).get_matching_blocks()
    found = [block for block in blocks if block.size]
    if not found:
        return len(words), len(words)
    return found[0].a, len(words) - (found[-1].a + found[-1].size)
