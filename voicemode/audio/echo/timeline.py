"""The speaker's output aligned with the microphone's input, although each has a clock of its own."""

import threading
import time
from collections import deque
from collections.abc import Callable
from math import floor, inf

from voicemode.audio.echo.level import STEP_SECONDS
from voicemode.audio.frames import SAMPLE_BYTES, Frame, silence

USUAL_RATE = 24_000
"""Hertz, of the silence before anything is played."""
WINDOW_SECONDS = 1.0
"""The most punctual call of a device in so long tells where it is."""
TOLERANCE_SECONDS = 0.03
"""Clocks may drift apart by so much before one is set by the other: a canceller follows smaller steps by itself."""
MARGIN_SECONDS = 0.02
"""What is taken is placed so much later, lest a call that comes a little late finds its place already asked for."""
EARLY_CALLS = 100
"""Of a speaker, remembered while a microphone that was opened with it delivers nothing: two seconds or so."""
MAX_SECONDS = 120.0
"""Kept for a listener that lags behind, as of what the microphone heard."""


class Punctual:
    """The least of what a device's calls say of its time: each may come late, none comes early."""

    def __init__(self) -> None:
        self._before = self._now = inf
        self._turns_at = -inf

    def note(self, value: float, now: float) -> None:
        """A call at `now` says so."""
        if now < self._turns_at:
            self._now = min(self._now, value)
        else:
            self._before, self._now, self._turns_at = self._now, value, now + WINDOW_SECONDS

    @property
    def settled(self) -> bool:
        """True if a whole window has passed."""
        return self._before < inf

    @property
    def value(self) -> float:
        """Minimum of the last one or two windows; inf before the first call."""
        return min(self._before, self._now)


class Timeline:
    """Counts in steps of 10 ms since the microphone was opened. Devices' threads write, the event loop reads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._microphone: Punctual | None = None
        """When it began."""
        self._begun = inf
        """When the microphone began, as what is played was placed by."""
        self._heard_seconds = 0.0
        self._second_bytes = 1
        self._latency_seconds = 0.0
        self._taken: deque[tuple[float, PlaybackTrack, bytes]] = deque(maxlen=EARLY_CALLS)
        """By the speaker, and when, and not placed yet."""
        self._track: PlaybackTrack | None = None
        self._silence = silence(STEP_SECONDS, USUAL_RATE)

    def open(self, rate: int, latency_seconds: float) -> None:
        """A microphone has been opened, from which sound comes so much later; the count begins."""
        with self._lock:
            self._second_bytes = rate * SAMPLE_BYTES
            self._microphone, self._heard_seconds, self._track = Punctual(), 0.0, None
            self._begun = inf
            self._taken.clear()
            self._latency_seconds = latency_seconds

    def close(self) -> None:
        """Stop keeping the reference: nobody listens any more."""
        with self._lock:
            self._microphone = self._track = None
            self._taken.clear()

    def hear(self, pcm: bytes) -> None:
        """The microphone has delivered this."""
        with self._lock:
            if self._microphone is not None:
                self._heard_seconds += len(pcm) / self._second_bytes
                now = self._clock()
                self._microphone.note(now - self._heard_seconds, now)
                self._place()

    def play(self, track: "PlaybackTrack", pcm: bytes) -> None:
        """The speaker has taken `pcm`. A new track takes the place of the one before it."""
        with self._lock:
            if self._microphone is not None:
                self._taken.append((self._clock(), track, pcm))
                self._place()

    def _place(self) -> None:
        """All that has been taken, as soon as the microphone has told where it is."""
        while self._taken and self._microphone is not None and self._microphone.value < inf:
            at, track, pcm = self._taken.popleft()
            here = at - self._settle(self._microphone.value)
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
        """Return what the speaker took while the microphone heard this step. Steps are asked in order, each once."""
        with self._lock:
            return (self._track and self._track.read(step)) or self._silence

    @property
    def delay_seconds(self) -> float:
        """From being played to being heard, as the devices estimate it, without the way through the air."""
        with self._lock:
            return self._latency_seconds + (self._track.latency_seconds if self._track else 0.0)


class PlaybackTrack:
    """The output of one opened speaker, in the microphone's time.

    A canceller finds an echo that comes late, and none that seems to come before its cause. So a sound is placed where it
    was taken, give or take less than the speaker needs to make it audible; whatever the speaker may hold back besides.
    """

    def __init__(self, rate: int, latency_seconds: float) -> None:
        self.rate = rate
        self.latency_seconds = latency_seconds
        """From being taken to being audible."""
        self._margin = min(MARGIN_SECONDS, latency_seconds / 2)
        self._size = round(rate * STEP_SECONDS) * SAMPLE_BYTES
        self._pcm = bytearray()
        self._step = 0
        """At the beginning of `_pcm`."""
        self._missed_bytes = 0
        """Asked for before they were taken."""
        self._late = Punctual()

    def begin(self, here: float) -> None:
        """The first of it is taken while the microphone is at `here`, in seconds."""
        self._pcm.clear()
        self._missed_bytes = 0
        self._place(floor((here + self._margin) / STEP_SECONDS))

    def move(self, seconds: float) -> None:
        """All of it belongs so much later."""
        self._place(self._step + round(seconds / STEP_SECONDS))

    def write(self, pcm: bytes, here: float) -> None:
        """`pcm` is taken while the microphone is at `here`."""
        late = here + self._margin - self._end
        if late > MAX_SECONDS:
            self.begin(here)
        elif late > self.latency_seconds + TOLERANCE_SECONDS:
            # The speaker has run dry.
            self._wait(late)
        else:
            self._follow(late, here)
        self._add(pcm)
        excess = len(self._pcm) // self._size - round(MAX_SECONDS / STEP_SECONDS)
        if excess > 0:
            self._forget(excess)

    def read(self, step: int) -> Frame | None:
        """Return the samples of `step`, padded with silence; None if there are none."""
        if step < self._step:
            return None
        self._forget(step - self._step)
        pcm = bytes(self._pcm[: self._size])
        self._forget(1)
        return Frame(pcm.ljust(self._size, b"\0"), self.rate) if pcm else None

    @property
    def _end(self) -> float:
        """Where what is taken next belongs, in seconds."""
        return self._step * STEP_SECONDS + (len(self._pcm) - self._missed_bytes) / SAMPLE_BYTES / self.rate

    def _follow(self, late: float, here: float) -> None:
        """Go along where this speaker's clock moves against the microphone's, or where it fills its buffer.

        A call may come late, so it is waited for a punctual one; none comes early, so that is believed at once.
        """
        if late <= -STEP_SECONDS:
            # A step more, for calls more punctual still: each move costs the canceller some of what it has learnt.
            self._place(self._step + int(late / STEP_SECONDS) - 1)
            return
        self._late.note(late, here)
        if self._late.settled and self._late.value > TOLERANCE_SECONDS:
            self._wait(self._late.value)

    def _wait(self, seconds: float) -> None:
        """Delay what is taken next by so much."""
        self._add(bytes(round(self.rate * seconds) * SAMPLE_BYTES))
        self._late = Punctual()

    def _place(self, step: int) -> None:
        self._step = step
        self._late = Punctual()

    def _add(self, pcm: bytes) -> None:
        missed = min(self._missed_bytes, len(pcm))
        self._missed_bytes -= missed
        self._pcm += pcm[missed:]

    def _forget(self, steps: int) -> None:
        self._missed_bytes += max(0, steps * self._size - len(self._pcm))
        del self._pcm[: steps * self._size]
        self._step += steps
