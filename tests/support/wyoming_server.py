"""A Wyoming server around our Whisper that transcribes while the person speaks, which installable servers do not do.

Usage: wyoming_server.py WEIGHTS PORT. Transcribes all audio so far once a second; words on which two transcripts in a row
agree are sent, and never retracted.
"""

import asyncio
import sys
from functools import partial
from pathlib import Path

from wyoming.asr import Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info
from wyoming.server import AsyncEventHandler, AsyncServer

from voicemode.audio.frames import Frame
from voicemode.engines.whisper.engine import WhisperEngine, load_whisper
from voicemode.engines.whisper.transcript import Options

RATE = 16_000
AGAIN_BYTES = RATE * 2
"""Bytes of audio between two transcriptions: one second."""
NOBODY = Attribution("VoiceMode", "")


class Listener(AsyncEventHandler):
    """Handler of one connection."""

    def __init__(self, engine: WhisperEngine, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._engine = engine
        self._pcm = b""
        self._read_bytes = 0
        self._before: list[str] = []
        self._said: list[str] = []

    async def handle_event(self, event: Event) -> bool:
        if Describe.is_type(event.type):
            await self.write_event(info(self._engine.name).event())
        elif AudioStart.is_type(event.type):
            await self.write_event(TranscriptStart(language="en").event())
        elif AudioChunk.is_type(event.type):
            self._pcm += AudioChunk.from_event(event).audio
            if len(self._pcm) - self._read_bytes >= AGAIN_BYTES:
                await self._read_again()
        elif AudioStop.is_type(event.type):
            await self.write_event(Transcript(await self._read(), language="en").event())
            await self.write_event(TranscriptStop().event())
            return False
        return True

    async def _read_again(self) -> None:
        self._read_bytes = len(self._pcm)
        words = (await self._read()).split()
        agreed = [new for new, old in zip(words, self._before, strict=False) if new == old]
        self._before = words
        if words[: len(agreed)] == agreed and len(agreed) > len(self._said):
            await self.write_event(TranscriptChunk("".join(f" {word}" for word in agreed[len(self._said) :])).event())
            self._said = agreed

    async def _read(self) -> str:
        def work() -> str:
            segments = self._engine.transcribe([Frame(self._pcm, RATE)], Options(language="en"))
            return "".join(segment.text for segment in segments).strip()

        return await asyncio.to_thread(work)


def info(model: str) -> Info:
    models = [AsrModel(model, NOBODY, installed=True, description=None, version=None, languages=["en_US", "en"])]
    return Info([AsrProgram("test", NOBODY, True, None, None, models, supports_transcript_streaming=True)])


async def main(weights: str, port: str) -> None:
    engine = load_whisper(Path(weights), "tiny.en", threads=2)
    server = AsyncServer.from_uri(f"tcp://127.0.0.1:{port}")
    await server.run(partial(Listener, engine))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
