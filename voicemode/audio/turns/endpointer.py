"""Endpointing: a state machine with no clock, no I/O and no audio."""

import math
from collections.abc import Mapping, MutableSequence, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal

Pace = Literal["quick", "normal", "patient"]

PAUSE_SECONDS = 0.12
"""Shortest silence that is a pause; anything shorter lies between two words. Detectors add a delay of 0.15 s."""
RESUME_SECONDS = 0.06
"""Shortest speech that ends a pause; anything shorter is a click."""
CERTAIN_SECONDS = 0.001
"""Onset of a turn that is known to have begun."""
THINKING_SECONDS = 15.0
"""Seconds of silence that end a turn after "let me think"."""


class TurnState(Enum):
    WAITING = "waiting"
    SPEAKING = "speaking"
    PAUSED = "paused"
    FINISHED = "finished"
    """The turn sounds or reads finished, and a short pause followed."""
    SILENCE = "silence"
    """A long pause followed."""
    SAID = "said"
    """The last word ended the turn."""
    SENT = "sent"
    """A button or key ended the turn."""
    NO_SPEECH = "no speech"
    TOO_LONG = "too long"

    @property
    def done(self) -> bool:
        return self not in (TurnState.WAITING, TurnState.SPEAKING, TurnState.PAUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Evidence at a pause that the turn has ended; None is unknown."""

    sounds: float | None = None
    """Probability that it sounds finished."""
    reads: float | None = None
    """Probability that it reads finished."""
    reading: bool = False
    """True while the text so far is being transcribed. No result comes before it, so ending earlier gains nothing."""
    hearing: bool = False
    """True while the turn model judges the pause, which takes a moment."""
    thinking: bool = False
    """True once the speaker has asked for time."""

    @property
    def finished(self) -> float | None:
        """Combined probability: log-odds added, those of the sound weighted by SOUNDS_SHARE; or the only one known, or None."""
        if self.sounds is None or self.reads is None:
            return self.reads if self.sounds is None else self.sounds
        return 1 / (1 + math.exp(-SOUNDS_SHARE * log_odds(self.sounds) - log_odds(self.reads)))


SOUNDS_SHARE = 0.5
"""Weight of the turn model's log-odds: it is overconfident, and an unfinished text outweighs any sound."""
SUREST = 0.99
"""Highest probability that is believed; anything above counts as this."""
LIKELY = 0.5
"""Probability from which a turn ends as `finished`."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds of silence that end a turn."""

    finished: float
    """Wait where nothing more is expected."""
    usual: float
    """Wait without evidence."""
    unfinished: float
    """Wait where more is certain to come."""
    certain: float
    """Probability from which the end counts as certain."""
    hopeless: float
    """Probability up to which the end is excluded. Close to `certain`: waits between suit neither an answer nor a thought."""

    def after(self, doubt: float) -> float:
        """Return the wait for `doubt`, from 0 (`finished`) to 1 (`unfinished`)."""
        return self.finished + (self.unfinished - self.finished) * doubt

    def doubt(self, finished: float) -> float:
        """Return 0 for a turn that is certainly finished, 1 for one that is certainly not."""
        return min(1.0, max(0.0, (self.certain - finished) / (self.certain - self.hopeless)))


WAITS: Mapping[Pace, Waits] = MappingProxyType(
    {
        "quick": Waits(finished=0.2, usual=0.6, unfinished=1.2, certain=0.52, hopeless=0.42),
        "normal": Waits(finished=0.3, usual=1.0, unfinished=1.8, certain=0.52, hopeless=0.42),
        "patient": Waits(finished=0.7, usual=1.5, unfinished=3.5, certain=0.8, hopeless=0.2),
    }
)
TYPICAL_PAUSE_SECONDS = 0.6
"""Seconds between the parts of a sentence; waits grow or shrink with a speaker's own pauses relative to this."""
LEAST_SHARE, MOST_SHARE = 0.9, 1.4
"""Bounds of the factor by which waits change."""
PAUSES_NEEDED = 3


def wait_seconds(evidence: Evidence, pace: Pace, pauses: Sequence[float] = ()) -> float:
    """Return the seconds a pause must last to end the turn.

    Args:
        evidence: Evidence at this pause.
        pace: Readiness to take the pause for the end.
        pauses: Lengths in seconds of the speaker's earlier pauses that did not end a turn.
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
            # Whisper puts a full stop after 18 of 23 cut sentences: text alone can lengthen the wait, never shorten it.
            return max(seconds, waits.usual)
    return seconds * share(pauses)


def log_odds(probability: float) -> float:
    """Return the log-odds of `probability`, clipped to [1 - SUREST, SUREST]."""
    believed = min(SUREST, max(1 - SUREST, probability))
    return math.log(believed / (1 - believed))


def share(pauses: Sequence[float]) -> float:
    """Return the factor by which the wait for a speaker with these pauses is longer than usual."""
    if len(pauses) < PAUSES_NEEDED:
        return 1.0
    longer = sorted(pauses)[len(pauses) * 3 // 4]
    return min(MOST_SHARE, max(LEAST_SHARE, longer / TYPICAL_PAUSE_SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    onset_seconds: float = 0.2
    """Seconds of speech that begin a turn: longer than a click, a cough or our own cue."""
    pace: Pace = "normal"
    """Readiness to take a pause for the end of the turn."""
    silence_seconds: float | None = None
    """Pause that ends the turn regardless of the evidence; None weighs the evidence."""
    patience_seconds: float = 10.0
    """Seconds to wait for the first word."""
    max_seconds: float = 120.0
    """Longest turn in seconds, counted from its first word."""


class Endpointer:
    """Endpointer of one turn. Time is counted in audio."""

    def __init__(self, rules: Rules, pauses: MutableSequence[float] | None = None) -> None:
        """`pauses` are the same speaker's earlier pauses in seconds; those of this turn are appended to it."""
        self.rules = rules
        self.turn = TurnState.WAITING
        self.pauses: MutableSequence[float] = [] if pauses is None else pauses
        self.evidence = Evidence()
        self._elapsed = self._speech = self._pause = 0.0
        self._held = False

    @property
    def pause_seconds(self) -> float:
        """Seconds of the current silence within the turn; 0 if there is none."""
        return self._pause

    @property
    def speech_seconds(self) -> float:
        """Seconds of the current speech; 0 during silence."""
        return self._speech

    @property
    def wait_seconds(self) -> float:
        """Seconds the pause must last to end the turn, on the evidence so far."""
        if self.rules.silence_seconds is not None:
            return self.rules.silence_seconds
        return wait_seconds(self.evidence, self.rules.pace, self.pauses)

    def weigh(self, **news: Any) -> None:
        """Update fields of `Evidence`; ignored outside a pause, when it is too late."""
        if self.turn is TurnState.PAUSED:
            self.evidence = replace(self.evidence, **news)

    def expect(self) -> None:
        """Let the first speech begin the turn: the person is known to be speaking."""
        self.rules = replace(self.rules, onset_seconds=CERTAIN_SECONDS)

    def begin(self) -> None:
        """Begin the turn now, whether or not anybody speaks."""
        if self.turn is TurnState.WAITING:
            self.turn = TurnState.SPEAKING
            self._elapsed = 0.0

    def end(self, turn: TurnState) -> None:
        """End the turn now with the state `turn`."""
        if not self.turn.done:
            self.turn = turn

    def feed(self, is_speech: bool, seconds: float, *, held: bool = False) -> TurnState:
        """Account for `seconds` more audio. While the turn is `held` open no pause ends it or counts among the speaker's."""
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
        # Wait for a word that has just begun, however late it comes.
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
    """Return `seconds >= limit`, allowing for the rounding error of adding many short frames."""
    return seconds >= limit - 1e-6
