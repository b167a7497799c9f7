"""Has somebody begun to talk over us? No clock, no I/O: time is counted in audio."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from voicemode.audio.echo.level import share
from voicemode.audio.frames import SAMPLE_BYTES, SILENCE_DB, Frame, level_db
from voicemode.audio.turns.endpointer import reached
from voicemode.audio.vad import RATE, Vad

PRE_ROLL_SECONDS = 0.6
"""Kept from before the first sign of speech: detectors are late, and a word begins softly."""
MAX_SECONDS = 30.0
"""Kept at most."""
LOUDER_DB = 10.0
"""Speech is so much above the room."""
REMOVED_DB = 20.0
"""A canceller that has found the echo leaves less of it than this."""
BEYOND_DB = 4.0
BEYOND_SECONDS = 0.02
"""So much and so long above our own voice is somebody else: a canceller loses the echo when devices stumble.

With a stumble every 7 s, four minutes of our voice interrupt themselves 0 times at 4 dB, 5 times at 0 dB for 60 ms. Simply to
believe the canceller would be 0.07 s quicker, and would take most stumbles for somebody.
"""
RECENT_SECONDS = 0.15
"""A sound counts for so long: the detector is late."""
ROOM_FRAMES = 300
"""The quietest of so many, three seconds or more, are the room."""
ROOM_SHARE = 0.2
FAINTEST_DB, LOUDEST_DB = -60.0, -40.0
"""No room is quieter; and somebody who has spoken ever since is no room."""
LIKELY = 0.3
"""Probability of speech that counts, where something stands out as well: 0.07 s sooner than 0.5, at the 90th percentile."""
SPEECH_SECONDS = 0.06
"""Likely speech that is clearly speech; what is shorter is a click or the begin of a cough."""
NOTHING_SECONDS = 0.25
"""Without likely speech: it was nothing."""
PAUSE_SECONDS = 0.3
"""Without speech: it was short and is over."""
TURN_SECONDS = 0.8
"""Of speech, with its short pauses: longer than "mhm", "yeah, right" and "stop"."""


@dataclass(frozen=True, slots=True)
class CleanedFrame(Frame):
    """A microphone frame with our own voice removed."""

    echo_db: float = SILENCE_DB
    """Highest level of our own voice in it, in decibels below full scale."""


class InterruptionState(Enum):
    """State of an interruption."""

    QUIET = "quiet"
    """No one speaks."""
    MAYBE = "maybe"
    """Somebody may have begun: we speak softer."""
    SPEECH = "speech"
    """Clearly speech: our voice waits."""
    OVER = "over"
    """It was short and has ended: "mhm", "stop", an answer of a word. What was said decides."""
    TURN = "turn"
    """It goes on: the turn is theirs."""


class Overlap:
    """From what is likely to be speech to a call."""

    def __init__(self) -> None:
        self.call = InterruptionState.QUIET
        self._speech = self._run = self._pause = 0.0

    def feed(self, likely: bool, seconds: float, *, certain: bool = True) -> InterruptionState:
        """Account for `seconds` more.

        Args:
            likely: Whether it is like speech, and stands out.
            seconds: How long it is.
            certain: Whether it cannot be our own voice.
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
    """Tells sounds that stand out from the room and from our own voice."""

    def __init__(self) -> None:
        self._room: deque[float] = deque(maxlen=ROOM_FRAMES)
        self._recent: deque[tuple[float, bool, bool]] = deque()
        """Each frame's (seconds, stands out from the room, stands out from our own voice)."""

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
        """True if something lately was louder than the room and than what a canceller leaves of our voice."""
        return any(stands_out for _, stands_out, _ in self._recent)

    @property
    def beyond(self) -> bool:
        """True if something lately was louder than our voice can be, even if nothing of it were removed."""
        return reached(sum(seconds for seconds, _, beyond in self._recent if beyond), BEYOND_SECONDS)


class InterruptionDetector:
    """Follows one microphone while we speak."""

    def __init__(self, vad: Vad) -> None:
        """`vad` has state: it is for this microphone alone."""
        self._vad = vad
        self._loudness = Loudness()
        self._overlap = Overlap()
        self._pending = bytearray()
        self._kept: deque[Frame] = deque()
        self._kept_seconds = 0.0

    @property
    def call(self) -> InterruptionState:
        """The state so far."""
        return self._overlap.call

    @property
    def kept(self) -> list[Frame]:
        """Frames from before the first sound of the interruption on; a pre-roll while there is none."""
        return list(self._kept)

    def hear(self, frame: Frame) -> InterruptionState:
        """Account for `frame`, 16 kHz, as it came from the microphone: of any length up to 40 ms."""
        self._loudness.hear(frame)
        for piece in self._pieces(frame):
            likely = self._vad.is_speech(piece) or self._vad.probability >= LIKELY
            # What has been told from an echo once may have soft ends.
            heeded = self._loudness.stands_out or self.call in (InterruptionState.SPEECH, InterruptionState.OVER)
            self._overlap.feed(likely and heeded, piece.seconds, certain=self._loudness.beyond)
        self._keep(frame)
        return self.call

    def resume(self) -> None:
        """It was nothing: go on as if nobody had said anything."""
        self._overlap = Overlap()

    def _pieces(self, frame: Frame) -> Iterator[Frame]:
        """Cut audio into the frames that the detector takes."""
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
