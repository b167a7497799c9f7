"""A turn as it is heard, for whoever wants to watch: it is looked at what conversations hear with, nothing hears anew."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from voicemode.audio.frames import SILENCE_DB, Frame, Frames, level_db
from voicemode.audio.turns.endpointer import Evidence, Rules, TurnState
from voicemode.controls import Controls
from voicemode.conversation.recorder import Pulse, Recorder, TurnDetectors
from voicemode.conversation.recording import Recording
from voicemode.conversation.result import reason
from voicemode.conversation.utterance import Expected, FinalTranscript, LiveTranscription
from voicemode.errors import ProviderError
from voicemode.speech.base import Transcript
from voicemode.speech.speculative import StreamingTranscriber
from voicemode.tasks import alongside
from voicemode.text.commands import Heeded

NO_EVIDENCE = Evidence()


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSnapshot:
    """State of a turn at one moment."""

    level_db: float = SILENCE_DB
    speech: float = 0.0
    """Probability that somebody speaks."""
    turn: TurnState = TurnState.WAITING
    pause_seconds: float = 0.0
    """Length of the pause that goes on."""
    wait_seconds: float = 0.0
    """Seconds the pause must last to end the turn, as far as is known."""
    evidence: Evidence = NO_EVIDENCE
    text: str = ""
    """Text so far, where speech is transcribed at each pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Outcome of a turn."""

    ended: str
    """Why, in the words that the agent is told."""
    last: TurnSnapshot
    """The moment it ended."""
    seconds: float
    """Length of the recording; 0 where nobody spoke."""
    text: str
    """Text, where speech is transcribed at each pause."""
    dead: bool
    """The microphone delivers only digital zeros."""


class Unkept(Recording):
    """Keeps nothing: this is no conversation."""

    def write(self, frame: Frame) -> None:
        """Forget it."""


class Observer:
    """Watches one turn after the other, of one speaker."""

    def __init__(
        self, detectors: Callable[[], TurnDetectors], rules: Rules, ears: StreamingTranscriber, expected: Expected
    ) -> None:
        """As a conversation hears; `detectors` makes fresh ones for each turn."""
        self._detectors = detectors
        self._rules = rules
        self._ears = ears
        self._expected = expected
        self._pauses: list[float] = []

    async def turn(self, mic: Frames, look: Callable[[TurnSnapshot], None]) -> Outcome:
        """Hear the next turn in `mic`, telling `look` of each frame what it has come to."""
        detectors = self._detectors()
        recorder = Recorder(detectors, self._rules, Unkept(Path()), Controls(), self._pauses)
        sight = TurnMonitor(recorder, detectors)
        understanding = LiveTranscription(self._ears, recorder, self._expected, sight.read)
        # Where no text is made at the pauses it has no say in when the turn ends, and may cost money.
        reading = alongside(understood(understanding)) if recorder.reading else nullcontext()
        async with reading as answer:
            try:
                async for frame in mic:
                    recorder.hear(frame)
                    glimpse = sight.of(frame)
                    if glimpse.turn.done:
                        break
                    look(glimpse)
            finally:
                await recorder.close()
            audio = recorder.finish()
        told = answer.result() if answer else NOTHING
        return Outcome(
            ended=reason(recorder.endpointer.turn, told.heeded),
            last=sight.last,
            seconds=audio.seconds,
            text=told.transcript.text,
            dead=sight.dead,
        )


class TurnMonitor:
    """Watches one recorder."""

    def __init__(self, recorder: Recorder, detectors: TurnDetectors) -> None:
        self.last = TurnSnapshot()
        self.dead = False
        """The microphone has delivered nothing but digital zeros."""
        self._recorder = recorder
        self._vad = detectors.vad
        self._pulse = Pulse()
        self._text = ""

    def of(self, frame: Frame) -> TurnSnapshot:
        """Return a snapshot of the recorder, which has just heard `frame`."""
        endpointer = self._recorder.endpointer
        self.dead |= self._pulse.stopped(frame)
        self.dead &= self._pulse.dead
        self.last = TurnSnapshot(
            level_db=level_db(frame),
            speech=self._vad.probability,
            turn=endpointer.turn,
            pause_seconds=endpointer.pause_seconds,
            wait_seconds=endpointer.wait_seconds,
            evidence=endpointer.evidence,
            text=self._text,
        )
        return self.last

    async def read(self, text: str) -> None:
        """Take note of the text so far."""
        self._text = text


NOTHING = FinalTranscript(Transcript(""), Heeded(""))


async def understood(understanding: LiveTranscription) -> FinalTranscript:
    """Return the transcript, or the reason there is none: a picture needs no text."""
    try:
        return await understanding.understand()
    except ProviderError as error:
        return FinalTranscript(Transcript(f"({error.message.splitlines()[0]})"), NOTHING.heeded)
