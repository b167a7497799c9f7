"""Text made while the person speaks is as good as text made of the whole."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.engines import Whisper, recording
from tests.support.fakes import record
from tests.support.paths import RECORDINGS
from tests.support.people import CLIPS
from tests.support.wer import wer
from voicemode.audio.frames import Frame, Frames, join, rechunk, silence, stream
from voicemode.audio.turns.endpointer import Rules
from voicemode.audio.vad import RATE, create_vad
from voicemode.controls import Controls
from voicemode.conversation.recorder import Recorder, TurnDetectors
from voicemode.conversation.recording import Recording
from voicemode.engines.whisper.transcript import Options
from voicemode.speech.base import Transcript
from voicemode.speech.speculative import speculative
from voicemode.tasks import alongside

pytestmark = [pytest.mark.anyio, pytest.mark.engine]


class Ears:
    """A real engine, without a server."""

    def __init__(self, whisper: Whisper) -> None:
        self._engine = whisper("base")
        self.longest_seconds = 0.0

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        self.longest_seconds = max(self.longest_seconds, audio.seconds)
        segments = self._engine.transcribe([audio], Options(language="en", prompt=prompt))
        return Transcript("".join(segment.text for segment in segments).strip())

    def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        raise NotImplementedError


async def test_a_long_turn_is_understood_part_by_part_and_as_well_as_the_whole(whisper: Whisper, tmp_path: Path) -> None:
    ears = Ears(whisper)
    clips = [recording(RECORDINGS / clip) for clip in CLIPS]
    turn = join([part for clip in clips for part in (clip, silence(0.6, RATE))], RATE)
    recorder = Recorder(TurnDetectors(vad=create_vad("auto", 2)), Rules(silence_seconds=2.0), Recording(tmp_path), Controls())
    recorder.reading = True

    async def understood() -> Transcript:
        return [transcript async for transcript in speculative(ears, recorder.outlet.line)][-1]

    async with alongside(understood()) as work:
        await record(recorder, spoken(join([turn, silence(3, RATE)], RATE)))
        text = (await work).text
    said = " ".join(CLIPS.values())
    assert ears.longest_seconds < 15 < turn.seconds
    assert wer(said, text) <= wer(said, (await ears.transcribe(turn)).text) + 0.005, text


async def spoken(turn: Frame) -> Frames:
    """`turn` as a microphone has it, with time for the engine between two frames."""
    async for frame in rechunk(stream(turn), 0.032):
        yield frame
        for _ in range(10):
            await asyncio.sleep(0)
