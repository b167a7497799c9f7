"""Detection of barge-in while we speak. No clock, no I/O: time is counted in audio."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from voicemode.audio.echo.level import share
from voicemode.audio.frames import SAMPLE_BYTES, SILENCE_DB, Frame, level_db
from voicemode.audio.turns.endpointer import reached
from voicemode.audio.vad import RATE, Vad

PRE_ROLL_SECONDS = 0.6
"""Seconds of audio kept from before the first sign of speech: detectors are late, and a word begins softly."""
MAX_SECONDS = 30.0
"""Most audio kept."""
LOUDER_DB = 10.0
"""Speech is at least this far above the room noise."""
REMOVED_DB = 20.0
"""A converged canceller attenuates our own voice by more than this."""
BEYOND_DB = 4.0
BEYOND_SECONDS = 0.02
"""Audio this far above our own voice for this long is somebody else: a canceller loses the echo when a device glitches.

With a glitch every 7 s, four minutes of our voice interrupt themselves 0 times at 4 dB, 5 times at 0 dB for 60 ms. Trusting
the canceller alone would be 0.07 s quicker, but would take most glitches for somebody speaking.
"""
RECENT_SECONDS = 0.15
"""Seconds for which a sound counts: the detector is late."""
ROOM_FRAMES = 300
"""Frames, three seconds or more, whose quietest share is the room noise."""
ROOM_SHARE = 0.2
FAINTEST_DB, LOUDEST_DB = -60.0, -40.0
"""Bounds of the room noise: no room is quieter, and anything louder is somebody who has spoken throughout."""
LIKELY = 0.3
"""Probability from which a sound that stands out counts as speech: 0.07 s sooner than 0.5 at the 90th percentile."""
SPEECH_SECONDS = 0.06
"""Likely speech of this length is certainly speech; anything shorter is a click or the start of a cough."""
NOTHING_SECONDS = 0.25
"""Seconds without likely speech after which it was a false alarm."""
PAUSE_SECONDS = 0.3
"""Seconds without speech after which a short interruption is over."""
TURN_SECONDS = 0.8
"""Seconds of speech, excluding pauses, that take the turn: longer than "mhm", "yeah, right" and "stop"."""


@dataclass(frozen=True, slots=True)
class CleanedFrame(Frame):
    """A microphone frame with our own voice removed."""

    echo_db: float = SILENCE_DB
    """Highest level our own voice can have had before its removal, in dB relative to full scale."""


class InterruptionState(Enum):
    """State of an interruption."""

    QUIET = "quiet"
    """No one speaks."""
    MAYBE = "maybe"
    """Somebody may have begun to speak: we lower our voice."""
    SPEECH = "speech"
    """Certainly speech: our voice pauses."""
    OVER = "over"
    """A short interruption has ended: "mhm", "stop", a one-word answer. Its transcript decides."""
    TURN = "turn"
    """The interruption continues: the turn is theirs."""


class Overlap:
    """State machine from likely speech to the state of an interruption."""

    def __init__(self) -> None:
        self.call = InterruptionState.QUIET
        self._speech = self._run = self._pause = 0.0

    def feed(self, likely: bool, seconds: float, *, certain: bool = True) -> InterruptionState:
        """Account for `seconds` more audio.

        Args:
            likely: True if it is probably speech and stands out.
            seconds: Its length.
            certain: True if it cannot be our own voice.
        """
        self._count(likely, seconds)
        match self.call:
            case InterruptionState.QUIET | InterruptionState.MAYBE:
                self.call = self._begun(certain)
            case InterruptionState.SPEECH | InterruptionState.OVER:
                self.call = self._going_on()
        return self.call

    def _count(self, likely: bool, seconds: float) -> None:
        if likely:
            self._run += seconds
            self._speech += seconds
            self._pause = 0.0
        else:
            self._pause += seconds
        if reached(self._pause, NOTHING_SECONDS):
            self._run = 0.0

    def _begun(self, certain: bool) -> InterruptionState:
        if certain and reached(self._run, SPEECH_SECONDS):
            return InterruptionState.SPEECH
        if self._run:
            return InterruptionState.MAYBE
        self._speech = 0.0
        return InterruptionState.QUIET

    def _going_on(self) -> InterruptionState:
        if self.call is InterruptionState.OVER and not reached(self._run, SPEECH_SECONDS):
            return InterruptionState.OVER
        if reached(self._speech, TURN_SECONDS):
            return InterruptionState.TURN
        return InterruptionState.OVER if reached(self._pause, PAUSE_SECONDS) else InterruptionState.SPEECH


class Loudness:
    """Level meter for sounds that stand out from room noise and from our own voice."""

    def __init__(self) -> None:
        self._room: deque[float] = deque(maxlen=ROOM_FRAMES)
        self._recent: deque[tuple[float, bool, bool]] = deque()
        """(seconds, stands out, beyond our own voice) of each recent frame."""

    def hear(self, frame: Frame) -> None:
        level = level_db(frame)
        self._room.append(level)
        room_db = min(LOUDEST_DB, max(FAINTEST_DB, share(self._room, ROOM_SHARE)))
        echo_db = frame.echo_db if isinstance(frame, CleanedFrame) else SILENCE_DB
        stands_out = level >= max(room_db + LOUDER_DB, echo_db - REMOVED_DB)
        self._recent.append((frame.seconds, stands_out, stands_out and level >= echo_db + BEYOND_DB))
        while sum(seconds for seconds, _, _ in self._recent) > RECENT_SECONDS:
            self._recent.popleft()

    @property
    def stands_out(self) -> bool:
        """True if a recent sound was louder than the room noise and than the residual echo of our voice."""
        return any(stands_out for _, stands_out, _ in self._recent)

    @property
    def beyond(self) -> bool:
        """True if recent sounds were louder than our voice can be, even with none of it removed."""
        return reached(sum(seconds for seconds, _, beyond in self._recent if beyond), BEYOND_SECONDS)


class InterruptionDetector:
    """Barge-in detector for one microphone, fed while we speak."""

    def __init__(self, vad: Vad) -> None:
        """`vad` is stateful: it must serve this microphone alone."""
        self._vad = vad
        self._loudness = Loudness()
        self._overlap = Overlap()
        self._pending = bytearray()
        self._kept: deque[Frame] = deque()
        self._kept_seconds = 0.0

    @property
    def call(self) -> InterruptionState:
        """Current state of the interruption."""
        return self._overlap.call

    @property
    def kept(self) -> list[Frame]:
        """Frames of the interruption with a pre-roll before its first sound; the pre-roll alone while there is none."""
        return list(self._kept)

    def hear(self, frame: Frame) -> InterruptionState:
        """Account for a microphone frame at 16 kHz, of any length up to 40 ms, and return the new state."""
        self._loudness.hear(frame)
        for piece in self._pieces(frame):
            likely = self._vad.is_speech(piece) or self._vad.probability >= LIKELY
            # Speech once told apart from an echo may end softly.
            heeded = self._loudness.stands_out or self.call in (InterruptionState.SPEECH, InterruptionState.OVER)
            self._overlap.feed(likely and heeded, piece.seconds, certain=self._loudness.beyond)
        self._keep(frame)
        return self.call

    def resume(self) -> None:
        """Dismiss a false alarm: continue as if nobody had spoken."""
        self._overlap = Overlap()

    def _pieces(self, frame: Frame) -> Iterator[Frame]:
        """Cut audio into frames of the length the VAD takes."""
        self._pending += frame.pcm
        size = round(self._vad.frame_seconds * RATE) * SAMPLE_BYTES
        while len(self._pending) >= size:
            yield Frame(bytes(self._pending[:size]), RATE)
            del self._pending[:size]

    def _keep(self, frame: Frame) -> None:
        self._kept.append(frame)
        self._kept_seconds += frame.seconds
        limit = PRE_ROLL_SECONDS if self.call is InterruptionState.QUIET else MAX_SECONDS
        while self._kept_seconds - self._kept[0].seconds >= limit:
            self._kept_seconds -= self._kept.popleft().seconds
