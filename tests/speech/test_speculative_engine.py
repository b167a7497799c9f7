"""Text made while the person speaks is as good as text made of the whole."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.engines import Whisper, recording
from tests.support.fakes import context, hear_all, utterance
from tests.support.frames import rechunk
from tests.support.paths import RECORDINGS
from tests.support.people import CLIPS
from tests.support.wer import wer
from voicemode.audio.frames import Frame, Frames, join, silence, stream
from voicemode.audio.turns.endpointer import Rules
from voicemode.audio.vad import RATE, create_vad
from voicemode.conversation.detectors import TurnDetectors
from voicemode.engines.whisper.transcript import Options
from voicemode.speech.base import Transcript
from voicemode.speech.speculative import speculative

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
        return speculative(self, frames, prompt=prompt, language=language)

    def early(self, language: str = "") -> bool:
        return True


async def test_a_long_turn_is_understood_part_by_part_and_as_well_as_the_whole(whisper: Whisper, tmp_path: Path) -> None:
    ears = Ears(whisper)
    clips = [recording(RECORDINGS / clip) for clip in CLIPS]
    turn = join([part for clip in clips for part in (clip, silence(0.6, RATE))], RATE)
    detectors = TurnDetectors(vad=create_vad("auto", 2))
    one = utterance(context(tmp_path, ears, Rules(silence_seconds=2.0), lambda: detectors))
    await hear_all(one, spoken(join([turn, silence(3, RATE)], RATE)))
    assert one.answer is not None
    text = one.answer.transcript.text
    said = " ".join(CLIPS.values())
    assert ears.longest_seconds < 15 < turn.seconds
    assert wer(said, text) <= wer(said, (await ears.transcribe(turn)).text) + 0.005, text


async def spoken(turn: Frame) -> Frames:
    """`turn` as a microphone has it, with time for the engine between two frames."""
    async for frame in rechunk(stream(turn), 0.032):
        yield frame
        for _ in range(10):
            await asyncio.sleep(0)
