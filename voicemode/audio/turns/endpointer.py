"""When has the speaker finished? A state machine with no clock, no I/O and no audio."""

import math
from collections.abc import Mapping, MutableSequence, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal

Pace = Literal["quick", "normal", "patient"]

PAUSE_SECONDS = 0.12
"""Silence within speech is a pause from here on; what is shorter lies between two words. Detectors are 0.15 s late besides."""
RESUME_SECONDS = 0.06
"""Speech that ends a pause; what is shorter is a click."""
CERTAIN_SECONDS = 0.001
"""Onset of a turn of which somebody else knows that it has begun."""
THINKING_SECONDS = 15.0
"""A pause after "let me think"."""


class TurnState(Enum):
    WAITING = "waiting"
    SPEAKING = "speaking"
    PAUSED = "paused"
    FINISHED = "finished"
    """The turn sounds or reads finished, and a short pause followed."""
    SILENCE = "silence"
    """A long pause followed."""
    SAID = "said"
    """The last word said so."""
    SENT = "sent"
    """A hand did."""
    NO_SPEECH = "no speech"
    TOO_LONG = "too long"

    @property
    def done(self) -> bool:
        return self not in (TurnState.WAITING, TurnState.SPEAKING, TurnState.PAUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Evidence at a pause of whether the turn has ended; None is unknown."""

    sounds: float | None = None
    """Probability that it sounds finished."""
    reads: float | None = None
    """Probability that it reads finished."""
    reading: bool = False
    """The text so far is being made. No result comes before it, so ending the turn earlier gains nothing."""
    hearing: bool = False
    """True while the turn model judges the pause, which takes a moment."""
    thinking: bool = False
    """True once the speaker has asked for time."""

    @property
    def finished(self) -> float | None:
        """Both together, as odds that multiply."""
        if self.sounds is None or self.reads is None:
            return self.reads if self.sounds is None else self.sounds
        return 1 / (1 + math.exp(-SOUNDS_SHARE * log_odds(self.sounds) - log_odds(self.reads)))


SOUNDS_SHARE = 0.5
"""Of what the turn model claims to know: it is surer than it is right, and words that call for more outweigh any sound."""
SUREST = 0.99
"""What is more certain than this counts no more."""
LIKELY = 0.5
"""From here on a turn ends as `finished`."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds of silence that end a turn."""

    finished: float
    """Where nothing more can be expected."""
    usual: float
    """Where nothing is known."""
    unfinished: float
    """Where more is certain to come."""
    certain: float
    """The probability of an end that is as good as certain."""
    hopeless: float
    """One that is as bad as none. Not far below: a wait in between is too long for an answer, and too short for a thought."""

    def after(self, doubt: float) -> float:
        """From 0, `finished`, to 1, `unfinished`."""
        return self.finished + (self.unfinished - self.finished) * doubt

    def doubt(self, finished: float) -> float:
        """0 for what is certainly finished, 1 for what is not."""
        return min(1.0, max(0.0, (self.certain - finished) / (self.certain - self.hopeless)))


WAITS: Mapping[Pace, Waits] = MappingProxyType(
    {
        "quick": Waits(finished=0.2, usual=0.6, unfinished=1.2, certain=0.52, hopeless=0.42),
        "normal": Waits(finished=0.3, usual=1.0, unfinished=1.8, certain=0.52, hopeless=0.42),
        "patient": Waits(finished=0.7, usual=1.5, unfinished=3.5, certain=0.8, hopeless=0.2),
    }
)
TYPICAL_PAUSE_SECONDS = 0.6
"""Between the parts of a sentence: whoever pauses longer is given longer, and the other way round."""
LEAST_SHARE, MOST_SHARE = 0.9, 1.4
"""Bounds of that."""
PAUSES_NEEDED = 3


def wait_seconds(evidence: Evidence, pace: Pace, pauses: Sequence[float] = ()) -> float:
    """Return the seconds a pause must last to end the turn.

    Args:
        evidence: What is known at this pause.
        pace: How soon to take it for the end.
        pauses: Lengths of the speaker's pauses so far after which more was said, in seconds.
    """
    waits = WAITS[pace]
    if evidence.thinking:
        return THINKING_SECONDS
    if evidence.reading:
        seconds = waits.unfinished
    elif evidence.hearing or evidence.finished is None:
        seconds = waits.usual
    elif evidence.reads is None:
        # The turn model never decides alone.
        seconds = waits.after(0.9 - 0.75 * evidence.finished)
    else:
        seconds = waits.after(waits.doubt(evidence.finished))
        if evidence.sounds is None:
            # Whisper puts a full stop after 18 of 23 cut sentences: text alone may ask for more time, never for less.
            return max(seconds, waits.usual)
    return seconds * share(pauses)


def log_odds(probability: float) -> float:
    """Log-odds of `probability`, clipped to [1 - SUREST, SUREST]."""
    believed = min(SUREST, max(1 - SUREST, probability))
    return math.log(believed / (1 - believed))


def share(pauses: Sequence[float]) -> float:
    """Return the factor by which a speaker with these pauses is waited for longer than others."""
    if len(pauses) < PAUSES_NEEDED:
        return 1.0
    longer = sorted(pauses)[len(pauses) * 3 // 4]
    return min(MOST_SHARE, max(LEAST_SHARE, longer / TYPICAL_PAUSE_SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    onset_seconds: float = 0.2
    """Speech needed before a turn has begun: longer than a click, a cough or our own cue."""
    pace: Pace = "normal"
    """Pace: how soon a pause ends the turn."""
    silence_seconds: float | None = None
    """A pause of this length ends the turn, whatever else is known; None weighs the evidence."""
    patience_seconds: float = 10.0
    """Seconds to wait for the first word."""
    max_seconds: float = 120.0
    """Longest turn, counted from its first word."""


class Endpointer:
    """Follows one turn. Time is counted in audio."""

    def __init__(self, rules: Rules, pauses: MutableSequence[float] | None = None) -> None:
        """`pauses` are those that the same speaker has made so far, in seconds; those of this turn are added."""
        self.rules = rules
        self.turn = TurnState.WAITING
        self.pauses: MutableSequence[float] = [] if pauses is None else pauses
        self.evidence = Evidence()
        self._elapsed = self._speech = self._pause = 0.0
        self._held = False

    @property
    def pause_seconds(self) -> float:
        """Length of the silence that goes on; 0 where none does."""
        return self._pause

    @property
    def speech_seconds(self) -> float:
        """Length of the speech that goes on; 0 where none does."""
        return self._speech

    @property
    def wait_seconds(self) -> float:
        """Seconds the pause must last to end the turn, as far as is known now."""
        if self.rules.silence_seconds is not None:
            return self.rules.silence_seconds
        return wait_seconds(self.evidence, self.rules.pace, self.pauses)

    def weigh(self, **news: Any) -> None:
        """Take fields of `Evidence` into account; what comes when there is no pause is too late."""
        if self.turn is TurnState.PAUSED:
            self.evidence = replace(self.evidence, **news)

    def expect(self) -> None:
        """It is known that the person speaks: the first sound begins the turn."""
        self.rules = replace(self.rules, onset_seconds=CERTAIN_SECONDS)

    def begin(self) -> None:
        """The turn begins now, whether or not anything is said."""
        if self.turn is TurnState.WAITING:
            self.turn = TurnState.SPEAKING
            self._elapsed = 0.0

    def end(self, turn: TurnState) -> None:
        """The turn ends now, as `turn` says."""
        if not self.turn.done:
            self.turn = turn

    def feed(self, is_speech: bool, seconds: float, *, held: bool = False) -> TurnState:
        """Account for `seconds` more audio. While it is `held` open no pause ends the turn, nor is it the speaker's own."""
        self._held = held
        self._elapsed += seconds
        self._speech = self._speech + seconds if is_speech else 0.0
        match self.turn:
            case TurnState.WAITING:
                self.turn = self._waiting()
            case TurnState.SPEAKING | TurnState.PAUSED:
                self.turn = self._speaking(seconds)
        return self.turn

    def _waiting(self) -> TurnState:
        if reached(self._speech, self.rules.onset_seconds):
            self._elapsed = self._speech
            return TurnState.SPEAKING
        # A word that has just begun is waited for, however late it comes.
        if not self._speech and reached(self._elapsed, self.rules.patience_seconds):
            return TurnState.NO_SPEECH
        return TurnState.WAITING

    def _speaking(self, seconds: float) -> TurnState:
        self._pause += seconds
        if self._speech and (self.turn is TurnState.SPEAKING or reached(self._speech, RESUME_SECONDS)):
            self._go_on()
        elif not (self._speech or self._held) and reached(self._pause, self.wait_seconds):
            return self._ended()
        if reached(self._elapsed, self.rules.max_seconds):
            return TurnState.TOO_LONG
        return TurnState.PAUSED if reached(self._pause, PAUSE_SECONDS) else TurnState.SPEAKING

    def _go_on(self) -> None:
        if self.turn is TurnState.PAUSED:
            if not self._held:
                self.pauses.append(self._pause - self._speech)
            self.evidence = Evidence()
        self._pause = 0.0

    def _ended(self) -> TurnState:
        likely = self.evidence.finished is not None and self.evidence.finished >= LIKELY
        return TurnState.FINISHED if likely and self.rules.silence_seconds is None else TurnState.SILENCE


def reached(seconds: float, limit: float) -> bool:
    """`seconds >= limit`, forgiving what adding many short frames loses to rounding."""
    return seconds >= limit - 1e-6
