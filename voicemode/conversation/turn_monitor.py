"""A turn as it is heard, for whoever wants to watch: what conversations hear with is looked at, nothing is heard anew."""

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

    def __init__(self) -> None:
        super().__init__(Path())

    def write(self, frame: Frame) -> None:
        """Forget it."""


class Unread:
    """A StreamingTranscriber without a word, where no text is made at the pauses: it has no say, and may cost money."""

    def early(self, language: str = "") -> bool:
        return False

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        return Transcript("")

    async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        yield Transcript("")


class TurnMonitor:
    """Watches one turn after the other, of one speaker."""

    def __init__(
        self, detectors: Callable[[], TurnDetectors], rules: Rules, stt: StreamingTranscriber, expected: Expected
    ) -> None:
        """As a conversation hears; `detectors` makes fresh ones for each turn."""
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
        """Hear the next turn in `mic`, telling `look` of each frame what it has come to."""
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
    """Return the text, or why there is none: a picture needs no text."""
    if utterance.error:
        return f"({utterance.error.message.splitlines()[0]})"
    return utterance.answer.transcript.text if utterance.answer else ""
