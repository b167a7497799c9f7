"""How a turn went: was the person let finish, how long did the result take, which words are missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from bench.turn_taking.utterances import Utterance
from tests.support.wer import normal

HINDSIGHT_SECONDS = 0.6
"""After a pause: what has come by then was decided within it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    name: str
    """Of the recording."""
    pause_seconds: float
    """Cut into its middle; 0 is none."""
    wait_seconds: float
    """From the last sound to the result; below 0 if the result came first."""
    early: bool
    """The result came before that pause began: it says nothing about it."""
    held: bool
    """The result came after that pause: it did not end the turn."""
    ended: str
    """Why the turn ended, as the result says."""
    text: str
    """The result."""
    missing_at_start: int
    """Words, before the first that is in the result."""
    missing_at_end: int

    @property
    def cut_off(self) -> bool:
        """Whether the person was not let finish."""
        return self.wait_seconds < 0 or self.missing_at_end > 1

    @property
    def cut_in_pause(self) -> bool:
        """Whether it was that pause; without one, any of the person's own."""
        return self.cut_off and not self.held

    @property
    def first_word_lost(self) -> bool:
        return self.missing_at_start > 0

    @property
    def last_word_lost(self) -> bool:
        return self.missing_at_end > 0 and not self.cut_off


def outcome(utterance: Utterance, wait_seconds: float, ended: str, text: str) -> Outcome:
    """What has become of `utterance`."""
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
    """How many words are not in `text`: before the first of `said` that is, and after the last that is."""
    words, heard = normal(" ".join(said)), normal(text)
    blocks = SequenceMatcher(None, words, heard, autojunk=False).get_matching_blocks()
    found = [block for block in blocks if block.size]
    if not found:
        return len(words), len(words)
    return found[0].a, len(words) - (found[-1].a + found[-1].size)
