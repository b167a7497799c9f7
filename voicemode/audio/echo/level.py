"""Expected level of our echo, learnt from its past levels. No clock, no I/O: levels in, a level out."""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from operator import mul

from voicemode.audio.frames import SILENCE_DB

FULL_DB = 0.0
"""Full scale: the loudest possible level."""
STEP_SECONDS = 0.01
"""Seconds of audio for each level."""
LATEST_STEPS = 50
"""Steps within which an echo arrives, 0.5 s: a Bluetooth speaker buffers 0.2 to 0.4 s, and the air adds some."""
EARLIER_STEPS = 2
"""Steps by which an echo can be early after a device glitch."""
DECAY_DB = 1.5
"""Reverberation decay per step: 60 dB in 0.4 s."""
AUDIBLE_DB = -50.0
"""Least level of our voice outside its pauses, which reveal nothing about the echo."""
FAINTEST_DB = -60.0
LEARNT_STEPS = 100
"""Steps of our voice needed before the level of its echo is estimated."""
REMEMBERED_STEPS = 500
"""Steps of history: long enough that a word spoken over our voice is a small part of it."""
ROOM_SHARE, LOUD_SHARE = 0.1, 0.75
"""Quantiles for the level of the room and of our voice: robust to a person talking over it for one second in five."""
LOUDEST_SHARE = 0.95
"""Quantile of the echo's gain while our voice is heard: ignores a person talking over it for 0.25 s in five seconds."""
ENOUGH_STEPS = 50
"""Steps with our voice removed that suffice to estimate its gain from them alone."""
LOOK_STEPS = 10
FIND_STEPS = 100
ECHO_DB = 10.0
"""Least level of an audible echo above the room noise."""
REMOVED_DB = 10.0
"""Least attenuation of the echo by a converged canceller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoProgress:
    """Level of our echo before and after cancelling, in dB relative to full scale, over its last five seconds."""

    room_db: float
    """Level of the room noise."""
    before_db: float
    """Level of our voice at the microphone."""
    after_db: float
    """Level of our voice after cancelling."""

    @property
    def heard(self) -> bool:
        """True if the microphone picks up our voice: with headphones it does not."""
        return self.before_db - self.room_db >= ECHO_DB

    @property
    def converged(self) -> bool:
        """True if the residual echo is too soft to be taken for a person."""
        return not self.heard or self.before_db - self.after_db >= REMOVED_DB


class EchoLevel:
    """Estimator of the delay and gain of our echo, and so of its level at any moment."""

    def __init__(self) -> None:
        self._played: deque[float] = deque([SILENCE_DB] * REMEMBERED_STEPS, REMEMBERED_STEPS)
        self._heard: deque[tuple[float, float]] = deque([(SILENCE_DB, SILENCE_DB)] * REMEMBERED_STEPS, REMEMBERED_STEPS)
        """Levels before and after cancelling."""
        self._while_speaking: deque[tuple[float, float, float]] = deque(maxlen=REMEMBERED_STEPS)
        """Gain over the audio played, level before and level after cancelling, for each step of our voice."""
        self._later = 0
        self._envelope_db = SILENCE_DB
        self._gain_db = FULL_DB
        self._steps = 0
        self.progress: EchoProgress | None = None
        """Progress of echo removal; None before five seconds of our voice."""

    def note(self, played_db: float, before_db: float, after_db: float) -> float:
        """Account for one step. Return the highest level our voice can have in it before its removal."""
        self._played.append(played_db)
        self._heard.append((before_db, after_db))
        if not self._arrive(REMEMBERED_STEPS - 1):
            return SILENCE_DB
        self._steps += 1
        self._learn()
        return min(FULL_DB, self._envelope_db + self._gain_db) if self._steps >= LEARNT_STEPS else FULL_DB

    def _arrive(self, step: int) -> bool:
        """Account for the audio of the remembered `step`. Return True if our voice is in it.

        The echo in it is what we played `_later` steps earlier, or up to EARLIER_STEPS after that, plus reverberation.
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
            # With a new delay, none of our voice may have come back yet.
            if self._while_speaking and self._steps >= REMEMBERED_STEPS:
                self.progress = self._progress()
        if self._while_speaking and self._steps % LOOK_STEPS == 0:
            gains = [(gain, before - after >= REMOVED_DB) for gain, before, after in self._while_speaking]
            # Steps with nothing removed are somebody talking over us, unless the canceller has not converged: then use all.
            ours = [gain for gain, removed in gains if removed]
            self._gain_db = share(ours if len(ours) >= ENOUGH_STEPS else [gain for gain, _ in gains], LOUDEST_SHARE)

    def _find(self) -> None:
        """Find the delay of the echo. A new delay discards what was learnt with the old one."""
        later = best_match(self._played, [before for before, _ in self._heard])
        if later != self._later:
            self._later, self._envelope_db = later, SILENCE_DB
            self._while_speaking.clear()
            # For earlier steps, the audio played is no longer remembered.
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
    """Return the lag, in steps, at which the levels heard correlate best with those played."""
    ups, downs = varying(played), varying(heard)
    return max(range(LATEST_STEPS), key=lambda later: sum(map(mul, ups, islice(downs, later, None))))


def varying(levels: Collection[float]) -> list[float]:
    """Return the deviations of `levels` from their mean."""
    audible = [max(FAINTEST_DB, level) for level in levels]
    mean = sum(audible) / len(audible)
    return [level - mean for level in audible]


def share(levels: Iterable[float], part: float) -> float:
    """Return the quantile `part` (0 to 1) of `levels`."""
    ordered = sorted(levels)
    return ordered[round((len(ordered) - 1) * part)]
