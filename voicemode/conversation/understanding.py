"""Live transcription: speech becomes text while the turn goes on, and the text tells when the turn ends."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from voicemode.audio.frames import closing
from voicemode.audio.turns.endpointer import TurnState
from voicemode.config.values import Action
from voicemode.conversation.recorder import Recorder
from voicemode.speech.base import Transcript
from voicemode.speech.speculative import StreamingTranscriber
from voicemode.text.commands import Heeded, heed
from voicemode.text.reading import reads_finished

Tell = Callable[[str], Awaitable[None]]
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

    def __init__(self, ears: StreamingTranscriber, recorder: Recorder, expected: Expected, tell: Tell) -> None:
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
