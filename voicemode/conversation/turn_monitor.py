"""Observation of turns as a conversation hears them, with the same detectors and endpointing."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from voicemode.audio.frames import Frame, Frames
from voicemode.audio.turns.endpointer import Rules
from voicemode.controls import Controls
from voicemode.conversation.detectors import TurnDetectors
from voicemode.conversation.listener import Pulse
from voicemode.conversation.recording import Recording
from voicemode.conversation.result import reason
from voicemode.conversation.status import StatusFeed, unseen
from voicemode.conversation.utterance import Expected, ListenContext, TurnSnapshot, Utterance
from voicemode.progress import nobody
from voicemode.speech.base import Transcript
from voicemode.speech.speculative import StreamingTranscriber
from voicemode.text.commands import Heeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Outcome of a turn."""

    ended: str
    """Reason, in the agent's terms."""
    last: TurnSnapshot
    """State when the turn ended."""
    seconds: float
    """Length of the recording; 0 if nobody spoke."""
    text: str
    """Transcript, where speech is transcribed at each pause."""
    dead: bool
    """True if the microphone delivered only digital zeros."""


class Unkept(Recording):
    """A recording that keeps nothing: monitoring is no conversation."""

    def __init__(self) -> None:
        super().__init__(Path())

    def write(self, frame: Frame) -> None:
        """Discard `frame`."""


class Unread:
    """A StreamingTranscriber without text, where pauses are not transcribed: text would decide nothing, and can cost money."""

    def early(self, language: str = "") -> bool:
        return False

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        return Transcript("")

    async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        yield Transcript("")


class TurnMonitor:
    """Monitors the turns of one speaker, one after another."""

    def __init__(
        self, detectors: Callable[[], TurnDetectors], rules: Rules, stt: StreamingTranscriber, expected: Expected
    ) -> None:
        """`detectors` makes new detectors for each turn."""
        controls = Controls()
        self._context = ListenContext(
            stt=stt if stt.early(expected.language) else Unread(),
            detectors=detectors,
            record=Unkept,
            controls=controls,
            rules=rules,
            expected=expected,
            status=StatusFeed(nobody, controls, unseen),
        )
        self._pauses: list[float] = []

    async def turn(self, mic: Frames, look: Callable[[TurnSnapshot], None]) -> Outcome:
        """Hear the next turn in `mic`, calling `look` with the state after each frame."""
        utterance, pulse = Utterance(self._context, "", self._pauses), Pulse()
        last, dead = TurnSnapshot(), False
        try:
            async for frame in mic:
                utterance.hear(frame)
                last = utterance.snapshot(frame)
                dead = (pulse.stopped(frame) or dead) and pulse.dead
                if last.turn.done:
                    break
                look(last)
            utterance.finish()
            await utterance.settle()
        finally:
            await utterance.close()
        return Outcome(
            ended=reason(utterance.turn, utterance.answer.heeded if utterance.answer else Heeded("")),
            last=last,
            seconds=utterance.audio.seconds,
            text=text_of_turn(utterance),
            dead=dead,
        )


def text_of_turn(utterance: Utterance) -> str:
    """Return the transcript, or the reason why there is none: a display works without a transcript."""
    if utterance.error:
        return f"({utterance.error.message.splitlines()[0]})"
    return utterance.answer.transcript.text if utterance.answer else ""
