"""What the speaker plays beside what the microphone hears, although each has a clock of its own."""

import threading
import time
from collections.abc import Callable
from math import inf

from voicemode.audio.echo_level import STEP_SECONDS
from voicemode.audio.frames import SAMPLE_BYTES, Frame, silence

USUAL_RATE = 24_000
"""Hertz, of the silence before anything is played."""
WINDOW_SECONDS = 1.0
"""The most punctual call of a device in so long tells where it is."""
TOLERANCE_SECONDS = 0.03
"""Clocks may drift apart by so much before one is set by the other: a canceller follows smaller steps by itself."""
MAX_SECONDS = 120.0
"""Kept for a listener that lags behind, as of what the microphone heard."""


class Origin:
    """When a stream began, by its calls: each may come late, none comes early."""

    def __init__(self) -> None:
        self._before = self._now = inf
        self._turns_at = -inf

    def note(self, begun: float, now: float) -> None:
        """By a call at `now` the stream seems to have begun at `begun`."""
        if now < self._turns_at:
            self._now = min(self._now, begun)
        else:
            self._before, self._now, self._turns_at = self._now, begun, now + WINDOW_SECONDS

    def move(self, seconds: float) -> None:
        """All that was noted was so much later."""
        self._before += seconds
        self._now += seconds
        self._turns_at += seconds

    @property
    def settled(self) -> bool:
        """Whether a whole window has passed."""
        return self._before < inf

    @property
    def at(self) -> float:
        """Of the last one or two windows; inf before the first call."""
        return min(self._before, self._now)


class Timeline:
    """Counts in steps of 10 ms since the microphone was opened. Devices' threads write, the event loop reads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._microphone: Origin | None = None
        self._begun = inf
        """When the microphone began, as what is played was placed by."""
        self._heard_seconds = 0.0
        self._second_bytes = 1
        self._latency_seconds = 0.0
        self._track: Track | None = None
        self._silence = silence(STEP_SECONDS, USUAL_RATE)

    def open(self, rate: int, latency_seconds: float) -> None:
        """A microphone has been opened, from which sound comes so much later; the count begins."""
        with self._lock:
            self._second_bytes = rate * SAMPLE_BYTES
            self._microphone, self._heard_seconds, self._track = Origin(), 0.0, None
            self._begun = inf
            self._latency_seconds = latency_seconds

    def close(self) -> None:
        """Nobody listens any more: what is played is forgotten at once."""
        with self._lock:
            self._microphone = self._track = None

    def hear(self, pcm: bytes) -> None:
        """The microphone has delivered this."""
        with self._lock:
            if self._microphone is not None:
                self._heard_seconds += len(pcm) / self._second_bytes
                now = self._clock()
                self._microphone.note(now - self._heard_seconds, now)

    def play(self, track: "Track", pcm: bytes) -> None:
        """The speaker has taken `pcm`. A new track takes the place of the one before it."""
        with self._lock:
            if self._microphone is None or self._microphone.at == inf:
                return
            here = self._clock() - self._settle(self._microphone.at)
            if track is not self._track:
                track.begin(here)
                self._track, self._silence = track, silence(STEP_SECONDS, track.rate)
            track.write(pcm, here)

    def _settle(self, begun: float) -> float:
        """When the microphone began; what has been placed goes along where `begun` proves that wrong.

        A sound server holds back what a microphone hears first, half a second of it, and then delivers it at once.
        """
        if abs(self._begun - begun) >= TOLERANCE_SECONDS:
            if self._track:
                self._track.move(self._begun - begun)
            self._begun = begun
        return self._begun

    def played(self, step: int) -> Frame:
        """What the speaker took while the microphone heard this step. Steps are asked in order, each once."""
        with self._lock:
            return (self._track and self._track.read(step)) or self._silence

    @property
    def delay_seconds(self) -> float:
        """From being played to being heard, as the devices estimate it, without the way through the air."""
        with self._lock:
            return self._latency_seconds + (self._track.latency_seconds if self._track else 0.0)


class Track:
    """What one opened speaker plays, in the microphone's time."""

    def __init__(self, rate: int, latency_seconds: float) -> None:
        self.rate = rate
        self.latency_seconds = latency_seconds
        """From being taken to being audible."""
        self._size = round(rate * STEP_SECONDS) * SAMPLE_BYTES
        self._pcm = bytearray()
        self._step = 0
        """At the beginning of `_pcm`."""
        self._taken_seconds = 0.0
        self._origin = Origin()
        self._usual = inf

    def begin(self, here: float) -> None:
        """The first of it is taken while the microphone is at `here`, in seconds."""
        self._step = int(here / STEP_SECONDS)
        self._pcm.clear()
        self._taken_seconds = 0.0
        self._origin, self._usual = Origin(), inf

    def move(self, seconds: float) -> None:
        """All of it belongs so much later."""
        self._step += round(seconds / STEP_SECONDS)
        self._origin.move(seconds)
        self._usual += seconds

    def write(self, pcm: bytes, here: float) -> None:
        """`pcm` is taken while the microphone is at `here`."""
        late = here - self._step * STEP_SECONDS - self._seconds(self._pcm)
        if late > MAX_SECONDS:
            self.begin(here)
        else:
            self._wait(late)
        self._origin.note(here - self._taken_seconds, here)
        self._pcm += pcm
        self._taken_seconds += self._seconds(pcm)
        self._follow()
        excess = len(self._pcm) // self._size - round(MAX_SECONDS / STEP_SECONDS)
        if excess > 0:
            self._forget(excess)

    def read(self, step: int) -> Frame | None:
        """What belongs to `step`, filled up with silence; None if nothing does."""
        if step < self._step:
            return None
        self._forget(step - self._step)
        pcm = bytes(self._pcm[: self._size])
        self._forget(1)
        return Frame(pcm.ljust(self._size, b"\0"), self.rate) if pcm else None

    def _wait(self, seconds: float) -> None:
        """What was taken before has been heard, and the speaker had nothing since."""
        if seconds > 0:
            self._pcm += bytes(round(self.rate * seconds) * SAMPLE_BYTES)
            self._taken_seconds += seconds

    def _follow(self) -> None:
        """Where the speaker's clock has moved against the microphone's, go along."""
        if not self._origin.settled:
            return
        if self._usual == inf:
            self._usual = self._origin.at
        slip = self._origin.at - self._usual
        if abs(slip) < TOLERANCE_SECONDS:
            return
        self._wait(slip)
        if slip < 0:
            lost = min(len(self._pcm), round(self.rate * -slip) * SAMPLE_BYTES)
            del self._pcm[len(self._pcm) - lost :]
            self._taken_seconds += slip
        self._origin = Origin()

    def _forget(self, steps: int) -> None:
        del self._pcm[: steps * self._size]
        self._step += steps

    def _seconds(self, pcm: bytes | bytearray) -> float:
        return len(pcm) / SAMPLE_BYTES / self.rate
