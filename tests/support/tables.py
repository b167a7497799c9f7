"""Our side of a conversation in a LiveKit room: an optional real transcription engine, and a voice of tones."""

import asyncio
import math
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicemode.audio.frames import Frame, Frames
from voicemode.audio.turns.endpointer import Rules
from voicemode.audio.vad import create_vad
from voicemode.controls import Controls
from voicemode.conversation.conversation import Conversation
from voicemode.conversation.detectors import TurnDetectors
from voicemode.conversation.floor import Floor
from voicemode.conversation.message import Playback
from voicemode.conversation.result import TurnResult
from voicemode.conversation.turn import TurnOptions
from voicemode.engines.whisper.transcript import Options
from voicemode.progress import Progress
from voicemode.speech.base import Transcript, Voice
from voicemode.speech.sentence_stream import Sentences
from voicemode.speech.speculative import at_the_end
from voicemode.transports.livekit.access import Access
from voicemode.transports.livekit.transport import LiveKitTransport

if TYPE_CHECKING:
    from voicemode.engines.whisper.engine import WhisperEngine

RATE = 24_000
WORD_SECONDS = 0.25
RULES = Rules(silence_seconds=1.0, patience_seconds=8.0, max_seconds=40.0)


class Speech:
    """Speaks each word as a tone of a quarter of a second; transcribes with a real engine, or always the same."""

    streams = False
    format = "pcm"

    def __init__(self, engine: "WhisperEngine | None" = None) -> None:
        self._engine = engine

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        return Transcript(await asyncio.to_thread(self._understand, audio), language)

    def _understand(self, audio: Frame) -> str:
        if self._engine is None:
            return "something"
        segments = self._engine.transcribe([audio], Options(language="en"))
        return "".join(segment.text for segment in segments).strip()

    def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        return at_the_end(self, frames, prompt=prompt, language=language)

    def early(self, language: str = "") -> bool:
        return False

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        for _ in text.split():
            yield tone(WORD_SECONDS)


def tone(seconds: float) -> Frame:
    """Return a tone of 440 Hz at a quarter of full scale."""
    samples = (round(8000 * math.sin(2 * math.pi * 440 * at / RATE)) for at in range(round(RATE * seconds)))
    return Frame(array("h", samples).tobytes(), RATE)


@dataclass(slots=True)
class Table:
    """An agent in a room, with its transport and conversation."""

    transport: LiveKitTransport
    controls: Controls
    conversation: Conversation
    recordings: Path

    async def ask(
        self, text: str = "", rules: Rules = RULES, on_stage: Callable[[str], None] = lambda stage: None
    ) -> tuple[Playback, TurnResult]:
        """Run one turn."""

        def report(progress: Progress) -> None:
            on_stage(progress.stage)

        return await self.conversation.converse(text, Voice(), TurnOptions(rules=rules, cues=False), report)


@asynccontextmanager
async def table(access: Access, room: str, folder: Path, engine: "WhisperEngine | None" = None) -> AsyncIterator[Table]:
    """Yield an agent that joins `room` when it first talks, and leaves at the end."""
    floor, speech = Floor(), Speech(engine)
    transport = LiveKitTransport(lambda: access, room, "Agent", floor.controls)
    detectors = lambda: TurnDetectors(vad=create_vad("auto", 2))  # noqa: E731
    conversation = Conversation(transport, speech, Sentences(speech, []), detectors, folder, floor)
    try:
        yield Table(transport, floor.controls, conversation, folder)
    finally:
        await transport.close()
