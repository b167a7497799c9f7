"""When has the speaker finished? A state machine with no clock, no I/O and no audio."""

from dataclasses import dataclass
from enum import Enum


class Turn(Enum):
    WAITING = "waiting"
    SPEAKING = "speaking"
    PAUSED = "paused"
    ENDED = "silence"
    NO_SPEECH = "no speech"
    TOO_LONG = "too long"

    @property
    def done(self) -> bool:
        return self in (Turn.ENDED, Turn.NO_SPEECH, Turn.TOO_LONG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    onset_seconds: float = 0.2
    """Speech needed before a turn has begun: longer than a click, a cough or our own cue."""
    silence_seconds: float = 1.0
    """A pause of this length ends the turn."""
    patience_seconds: float = 10.0
    """How long to wait for the first word."""
    max_seconds: float = 120.0
    """Longest turn, counted from its first word."""


class Endpointer:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.turn = Turn.WAITING
        self._elapsed = self._speech = self._silence = 0.0

    def feed(self, is_speech: bool, seconds: float) -> Turn:
        """Account for `seconds` more audio; time is counted in audio, never by a clock."""
        self._elapsed += seconds
        self._speech = self._speech + seconds if is_speech else 0.0
        self._silence = 0.0 if is_speech else self._silence + seconds
        if self.turn is Turn.WAITING:
            self.turn = self._waiting()
        elif not self.turn.done:
            self.turn = self._speaking(is_speech)
        return self.turn

    def _waiting(self) -> Turn:
        if reached(self._speech, self.rules.onset_seconds):
            self._elapsed = self._speech
            return Turn.SPEAKING
        # A word that has just begun is waited for, however late it comes.
        if not self._speech and reached(self._elapsed, self.rules.patience_seconds):
            return Turn.NO_SPEECH
        return Turn.WAITING

    def _speaking(self, is_speech: bool) -> Turn:
        if reached(self._silence, self.rules.silence_seconds):
            return Turn.ENDED
        if reached(self._elapsed, self.rules.max_seconds):
            return Turn.TOO_LONG
        return Turn.SPEAKING if is_speech else Turn.PAUSED


def reached(seconds: float, limit: float) -> bool:
    """`seconds >= limit`, forgiving what adding many short frames loses to rounding."""
    return seconds >= limit - 1e-6
