"""Alignment of the speaker's output with the microphone's input, although each has its own clock."""

import threading
import time
from collections import deque
from collections.abc import Callable
from math import floor, inf

from voicemode.audio.echo.level import STEP_SECONDS
from voicemode.audio.frames import SAMPLE_BYTES, Frame, silence

USUAL_RATE = 24_000
"""Sample rate of the silence before anything is played, in hertz."""
WINDOW_SECONDS = 1.0
"""Window whose most punctual callback gives the position of a device."""
TOLERANCE_SECONDS = 0.03
"""Clock drift above which positions are corrected; a canceller follows smaller changes by itself."""
MARGIN_SECONDS = 0.02
"""Delay added when placing audio, so that a slightly late callback does not find its place already read."""
EARLY_CALLS = 100
"""Speaker callbacks kept while the microphone opened with it delivers nothing: about two seconds."""
MAX_SECONDS = 120.0
"""Most reference audio kept for a reader that lags behind; as much as of microphone audio."""


class Punctual:
    """Sliding minimum of the times reported by a device's callbacks: each may be late, none is early."""

    def __init__(self) -> None:
        self._before = self._now = inf
        self._turns_at = -inf

    def note(self, value: float, now: float) -> None:
        """Account for the `value` of a callback at `now`."""
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
    """Reference signal in steps of 10 ms since the microphone was opened. Device threads write, the event loop reads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._microphone: Punctual | None = None
        """Estimate of the clock time at which the microphone began."""
        self._begun = inf
        """Start of the microphone by which the audio played has been placed."""
        self._heard_seconds = 0.0
        self._second_bytes = 1
        self._latency_seconds = 0.0
        self._taken: deque[tuple[float, PlaybackTrack, bytes]] = deque(maxlen=EARLY_CALLS)
        """(time, track, audio) that the speaker took and that is not placed yet."""
        self._track: PlaybackTrack | None = None
        self._silence = silence(STEP_SECONDS, USUAL_RATE)

    def open(self, rate: int, latency_seconds: float) -> None:
        """Restart the count for a microphone just opened, whose audio arrives `latency_seconds` late."""
        with self._lock:
            self._second_bytes = rate * SAMPLE_BYTES
            self._microphone, self._heard_seconds, self._track = Punctual(), 0.0, None
            self._begun = inf
            self._taken.clear()
            self._latency_seconds = latency_seconds

    def close(self) -> None:
        """Stop keeping the reference: the microphone is closed."""
        with self._lock:
            self._microphone = self._track = None
            self._taken.clear()

    def hear(self, pcm: bytes) -> None:
        """Account for `pcm` delivered by the microphone."""
        with self._lock:
            if self._microphone is not None:
                self._heard_seconds += len(pcm) / self._second_bytes
                now = self._clock()
                self._microphone.note(now - self._heard_seconds, now)
                self._place()

    def play(self, track: "PlaybackTrack", pcm: bytes) -> None:
        """Account for `pcm` taken by the speaker. A new track replaces the previous one."""
        with self._lock:
            if self._microphone is not None:
                self._taken.append((self._clock(), track, pcm))
                self._place()

    def _place(self) -> None:
        """Place all audio taken by the speaker once the microphone's position is known."""
        while self._taken and self._microphone is not None and self._microphone.value < inf:
            at, track, pcm = self._taken.popleft()
            here = at - self._settle(self._microphone.value)
            if track is not self._track:
                track.begin(here)
                self._track, self._silence = track, silence(STEP_SECONDS, track.rate)
            track.write(pcm, here)

    def _settle(self, begun: float) -> float:
        """Return the microphone's start; if `begun` differs too much, correct it and move the audio placed so far.

        A sound server holds back the first half second of microphone audio, then delivers it at once.
        """
        if abs(self._begun - begun) >= TOLERANCE_SECONDS:
            if self._track:
                self._track.move(self._begun - begun)
            self._begun = begun
        return self._begun

    def played(self, step: int) -> Frame:
        """Return the audio the speaker took during this step of the microphone. Read steps in order, each once."""
        with self._lock:
            return (self._track and self._track.read(step)) or self._silence

    @property
    def delay_seconds(self) -> float:
        """Delay from playing to hearing by the devices' own estimates, without the path through the air."""
        with self._lock:
            return self._latency_seconds + (self._track.latency_seconds if self._track else 0.0)


class PlaybackTrack:
    """Output of one opened speaker, in the microphone's time.

    A canceller finds a late echo, but none that seems to precede its cause. So audio is placed where the speaker took it,
    off by less than its latency, regardless of any further buffering in the speaker.
    """

    def __init__(self, rate: int, latency_seconds: float) -> None:
        self.rate = rate
        self.latency_seconds = latency_seconds
        """Delay from being taken to being audible."""
        self._margin = min(MARGIN_SECONDS, latency_seconds / 2)
        self._size = round(rate * STEP_SECONDS) * SAMPLE_BYTES
        self._pcm = bytearray()
        self._step = 0
        """Step at the beginning of `_pcm`."""
        self._missed_bytes = 0
        """Bytes read before the speaker took them."""
        self._late = Punctual()

    def begin(self, here: float) -> None:
        """Start the track where the microphone is: at `here`, in seconds."""
        self._pcm.clear()
        self._missed_bytes = 0
        self._place(floor((here + self._margin) / STEP_SECONDS))

    def move(self, seconds: float) -> None:
        """Shift the whole track later by `seconds`."""
        self._place(self._step + round(seconds / STEP_SECONDS))

    def write(self, pcm: bytes, here: float) -> None:
        """Append `pcm`, taken while the microphone is at `here`, in seconds."""
        late = here + self._margin - self._end
        if late > MAX_SECONDS:
            self.begin(here)
        elif late > self.latency_seconds + TOLERANCE_SECONDS:
            # The speaker had an underrun.
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
        """Position of the audio taken next, in seconds."""
        return self._step * STEP_SECONDS + (len(self._pcm) - self._missed_bytes) / SAMPLE_BYTES / self.rate

    def _follow(self, late: float, here: float) -> None:
        """Follow the drift between the clocks of speaker and microphone, and the filling of the speaker's buffer.

        A callback may be late, so wait for a punctual one; none is early, so follow an early one at once.
        """
        if late <= -STEP_SECONDS:
            # One more step, for callbacks even more punctual: each move costs the canceller some of its adaptation.
            self._place(self._step + int(late / STEP_SECONDS) - 1)
            return
        self._late.note(late, here)
        if self._late.settled and self._late.value > TOLERANCE_SECONDS:
            self._wait(self._late.value)

    def _wait(self, seconds: float) -> None:
        """Delay the audio taken next by `seconds` of silence."""
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
