"""Expected level of our echo, learnt from how loud it came back so far. No clock, no I/O: levels in, a level out."""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from operator import mul

from voicemode.audio.frames import SILENCE_DB

FULL_DB = 0.0
"""Nothing is louder."""
STEP_SECONDS = 0.01
"""Levels come step by step."""
LATEST_STEPS = 50
"""An echo comes within half a second: a Bluetooth speaker holds back 0.2 to 0.4 s, then there is the air."""
EARLIER_STEPS = 2
"""It may come so much earlier than it used to, where devices stumble."""
DECAY_DB = 1.5
"""A step, of the room: 60 dB in 0.4 s."""
AUDIBLE_DB = -50.0
"""Our voice is fainter in its pauses, which tell nothing of the echo."""
FAINTEST_DB = -60.0
LEARNT_STEPS = 100
"""Of our voice, before anything can be said of its echo."""
REMEMBERED_STEPS = 500
"""Of our voice: so long that a word said over it is a small part."""
ROOM_SHARE, LOUD_SHARE = 0.1, 0.75
"""What our voice and what is left of it are measured by: a person may talk over it for a second of five."""
LOUDEST_SHARE = 0.95
"""Of the times in which our voice was heard; of a person who talks over it, a quarter of a second in five is left out."""
ENOUGH_STEPS = 50
"""Of our voice that was removed, to tell by them how loud it is."""
LOOK_STEPS = 10
FIND_STEPS = 100
ECHO_DB = 10.0
"""What our voice adds to the room, at least, where it is heard at all."""
REMOVED_DB = 10.0
"""What a canceller takes away of it, at least, that has found it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoProgress:
    """Level of our echo before and after cancelling, in decibels below full scale, over its last five seconds."""

    room_db: float
    """Without us."""
    before_db: float
    """Our voice as the microphone hears it."""
    after_db: float
    """Level when the canceller is done with it."""

    @property
    def heard(self) -> bool:
        """True if our voice is heard at all: with headphones it is not."""
        return self.before_db - self.room_db >= ECHO_DB

    @property
    def converged(self) -> bool:
        """True if nobody who listens would take what is left for a person."""
        return not self.heard or self.before_db - self.after_db >= REMOVED_DB


class EchoLevel:
    """Knows how much later and how much softer our voice comes back, and so how loud it is at any moment."""

    def __init__(self) -> None:
        self._played: deque[float] = deque([SILENCE_DB] * REMEMBERED_STEPS, REMEMBERED_STEPS)
        self._heard: deque[tuple[float, float]] = deque([(SILENCE_DB, SILENCE_DB)] * REMEMBERED_STEPS, REMEMBERED_STEPS)
        """Before and after cancelling."""
        self._while_speaking: deque[tuple[float, float, float]] = deque(maxlen=REMEMBERED_STEPS)
        """Of what was heard: how much louder it was than what we had played, and how loud before and after cancelling."""
        self._later = 0
        self._envelope_db = SILENCE_DB
        self._gain_db = FULL_DB
        self._steps = 0
        self.progress: EchoProgress | None = None
        """None before our voice has been heard for five seconds."""

    def note(self, played_db: float, before_db: float, after_db: float) -> float:
        """Account for one step; how loud our voice is in it, at most, before it is removed."""
        self._played.append(played_db)
        self._heard.append((before_db, after_db))
        if not self._arrive(REMEMBERED_STEPS - 1):
            return SILENCE_DB
        self._steps += 1
        self._learn()
        return min(FULL_DB, self._envelope_db + self._gain_db) if self._steps >= LEARNT_STEPS else FULL_DB

    def _arrive(self, step: int) -> bool:
        """Account for what arrives in the remembered `step`; whether it is our voice.

        It is what we played when the sound that comes back now was taken, or a little later, with the room's answer.
        """
        at = step - self._later
        self._envelope_db = max(self._envelope_db - DECAY_DB, *islice(self._played, at, at + 1 + EARLIER_STEPS), SILENCE_DB)
        if self._envelope_db < AUDIBLE_DB:
            return False
        before_db, after_db = self._heard[step]
        self._while_speaking.append((before_db - self._envelope_db, before_db, after_db))
        return True

    def _learn(self) -> None:
        if self._steps % FIND_STEPS == 0:
            self._find()
            # By the delay that was found nothing of our voice may have come back yet.
            if self._while_speaking and self._steps >= REMEMBERED_STEPS:
                self.progress = self._progress()
        if self._while_speaking and self._steps % LOOK_STEPS == 0:
            gains = [(gain, before - after >= REMOVED_DB) for gain, before, after in self._while_speaking]
            # What is left was no echo: somebody talked over it. Before the canceller has found the echo, all of it is.
            ours = [gain for gain, removed in gains if removed]
            self._gain_db = share(ours if len(ours) >= ENOUGH_STEPS else [gain for gain, _ in gains], LOUDEST_SHARE)

    def _find(self) -> None:
        """Find the delay of the echo. A new delay discards what was learnt by another."""
        later = best_match(self._played, [before for before, _ in self._heard])
        if later != self._later:
            self._later, self._envelope_db = later, SILENCE_DB
            self._while_speaking.clear()
            # Of what was heard earlier, nobody remembers by what it was caused.
            for step in range(later, REMEMBERED_STEPS):
                self._arrive(step)

    def _progress(self) -> EchoProgress:
        _, before, after = zip(*self._while_speaking, strict=True)
        return EchoProgress(
            room_db=share((level for level, _ in self._heard), ROOM_SHARE),
            before_db=share(before, LOUD_SHARE),
            after_db=share(after, LOUD_SHARE),
        )


def best_match(played: Collection[float], heard: Collection[float]) -> int:
    """Return the lag, in steps, at which the echo rises and falls with what was played."""
    ups, downs = varying(played), varying(heard)
    return max(range(LATEST_STEPS), key=lambda later: sum(map(mul, ups, islice(downs, later, None))))


def varying(levels: Collection[float]) -> list[float]:
    """Above and below their mean."""
    audible = [max(FAINTEST_DB, level) for level in levels]
    mean = sum(audible) / len(audible)
    return [level - mean for level in audible]


def share(levels: Iterable[float], part: float) -> float:
    """The level that so large a part of `levels` does not exceed."""
    ordered = sorted(levels)
    return ordered[round((len(ordered) - 1) * part)]
