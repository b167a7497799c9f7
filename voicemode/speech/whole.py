"""Transcripts from those who need the whole utterance first."""

from collections.abc import AsyncIterator

from voicemode.audio.frames import Frames, closing, join
from voicemode.audio.vad import RATE
from voicemode.speech.base import SpeechToText, Transcript


async def at_the_end(stt: SpeechToText, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
    """`SpeechToText.transcripts` by way of `transcribe`: one final transcript, once the last of `frames` has come."""
    async with closing(frames):
        heard = [frame async for frame in frames]
    yield await stt.transcribe(join(heard, RATE), prompt=prompt, language=language)
