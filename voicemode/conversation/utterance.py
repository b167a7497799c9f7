"""One person's utterance: recorded, on disk, and transcribed while it is said."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableSequence
from dataclasses import dataclass, field, replace
from os import urandom
from pathlib import Path

from voicemode.audio.frames import Frame, closing
from voicemode.audio.turns.endpointer import Rules, TurnState
from voicemode.audio.vad import RATE
from voicemode.config.values import Action
from voicemode.controls import Controls
from voicemode.conversation.recorder import Recorder, TurnDetectors
from voicemode.conversation.recording import Recording
from voicemode.conversation.status import StatusFeed
from voicemode.errors import ProviderError, VoiceModeError
from voicemode.speech.base import Transcript
from voicemode.speech.speculative import StreamingTranscriber
from voicemode.tasks import ended
from voicemode.text.commands import Heeded, heed, listening
from voicemode.text.completeness import reads_finished
from voicemode.transports.base import Words

OnText = Callable[[str], Awaitable[None]]
"""Takes the text so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Words, language and commands expected before speech is heard."""

    prompt: str = ""
    """Words to expect."""
    language: str = ""
    """ISO 639-1 code; empty is detected."""
    phrases: Mapping[str, Action] = field(default_factory=dict)
    """Words that steer."""


@dataclass(frozen=True, slots=True)
class FinalTranscript:
    transcript: Transcript
    """Without the words that steer."""
    heeded: Heeded


class LiveTranscription:
    """Live transcription of one turn."""

    def __init__(self, ears: StreamingTranscriber, recorder: Recorder, expected: Expected, tell: OnText) -> None:
        self._ears = ears
        self._recorder = recorder
        self._expected = expected
        self._tell = tell
        recorder.reading = ears.early(expected.language)

    async def understand(self) -> FinalTranscript:
        """All that is said; empty if nothing is. Raises ProviderError."""
        transcript = await self._heard()
        heeded = heed(transcript.text, self._expected.phrases)
        return FinalTranscript(replace(transcript, text=heeded.text), heeded)

    async def _heard(self) -> Transcript:
        line = self._recorder.outlet.line
        if await line.begins():
            expected = self._expected
            transcripts = self._ears.transcripts(line, prompt=expected.prompt, language=expected.language)
            async with closing(transcripts):
                async for transcript in transcripts:
                    if transcript.final:
                        return transcript
                    self._weigh(transcript)
                    if transcript.text:
                        await self._tell(transcript.text)
        return Transcript("")

    def _weigh(self, transcript: Transcript) -> None:
        """Weigh `transcript`, the text so far, as evidence at the current pause."""
        endpointer = self._recorder.endpointer
        match heed(transcript.text, self._expected.phrases).action:
            case "wait":
                endpointer.weigh(thinking=True, reading=False)
            case None | "nod":
                language = self._expected.language or transcript.language
                endpointer.weigh(reads=reads_finished(transcript.text, language), reading=False)
            case "send" | "repeat" | "stop":
                if endpointer.turn is TurnState.PAUSED and not self._recorder.held:
                    endpointer.end(TurnState.SAID)


@dataclass(frozen=True, slots=True)
class ListenContext:
    """Everything people are heard with in a turn."""

    stt: StreamingTranscriber
    detectors: Callable[[], TurnDetectors]
    """Makes fresh ones."""
    recordings: Path
    controls: Controls
    rules: Rules
    expected: Expected
    status: StatusFeed
    may_interrupt: bool = False
    """True if a person who talks over us is heard."""


class Utterance:
    """One person's utterance. It is transcribed while it is said, and on disk until its text has arrived."""

    def __init__(self, context: ListenContext, speaker: str, pauses: MutableSequence[float], *, over_us: bool = False) -> None:
        """`over_us`: it began while we spoke."""
        self.speaker = speaker
        self.segment = urandom(6).hex()
        self.answer: FinalTranscript | None = None
        """Once it is settled."""
        self.error: VoiceModeError | None = None
        """Once it is settled, and nobody knows what was said: where that is kept."""
        self.audio = Frame(b"", RATE)
        """Once it is complete."""
        self.recording = Recording(context.recordings)
        self.recorder = Recorder(context.detectors(), context.rules, self.recording, context.controls, pauses)
        self._status = context.status
        phrases = context.expected.phrases if over_us else listening(context.expected.phrases)
        expected = replace(context.expected, phrases=phrases)
        understanding = LiveTranscription(context.stt, self.recorder, expected, self._partly)
        self._work = asyncio.create_task(understanding.understand())

    @property
    def settled(self) -> bool:
        return bool(self.answer or self.error)

    @property
    def begun(self) -> bool:
        return self.recorder.speaking

    @property
    def turn(self) -> TurnState:
        return self.recorder.endpointer.turn

    @property
    def busy(self) -> bool:
        """True if somebody speaks, or begins to."""
        return not self.turn.done and (self.begun or self.recorder.sounding)

    def hear(self, frame: Frame, *, earlier: bool = False) -> bool:
        """Take `frame`, which may have been heard `earlier`, into account; whether the utterance is complete."""
        if self.recorder.hear(frame, earlier=earlier).done:
            self.finish()
        return self.turn.done

    def finish(self, turn: TurnState = TurnState.SILENCE) -> None:
        """It is complete: as it is by itself, else as `turn` says."""
        self.audio = self.recorder.finish(turn)

    async def settle(self) -> None:
        """Wait for `answer` or `error`; whoever waits may be cancelled, and another wait."""
        try:
            self.answer = await asyncio.shield(self._work)
        except ProviderError as error:
            self.error = self.failure(error)
        else:
            if self.answer.transcript.text:
                await self._status.words(Words(self.answer.transcript.text, self.speaker, segment=self.segment))

    def failure(self, error: VoiceModeError) -> VoiceModeError:
        """`error`, and where what was said is kept."""
        return self.recording.failure(error) if self.begun else error

    async def close(self) -> None:
        """Nothing goes on after it. Its recording stays on disk."""
        self.recording.close()
        await ended(self._work)
        await self.recorder.close()

    async def _partly(self, text: str) -> None:
        await self._status.words(Words(text, self.speaker, final=False, segment=self.segment))
