"""Local Kokoro: time to the first audio, gaps in playback, and intelligibility."""

import asyncio
import time
from itertools import accumulate
from pathlib import Path

from bench.figures import Figure
from bench.hearing import client
from bench.lab import Lab
from tests.support.wer import total_wer
from voicemode.audio.frames import join, silence
from voicemode.services import find
from voicemode.speech.base import TextToSpeech, Voice
from voicemode.speech.openai.client import SpeechClient
from voicemode.speech.sentence_stream import Sentences

TEN_WORDS = "Sure, I have updated the tests and they all pass."
PARAGRAPH = (
    "Good morning! I looked at the build, and the failure comes from a dependency that could not be resolved. "
    "There are two ways to fix it: pin the older version for now, or move to the new interface, which takes an hour. "
    "Which one would you like?"
)
QUIET_SECONDS = 0.5
"""Silence that our recorder keeps before the first word, and at least after the last."""
SENTENCES = (Path(__file__).parent / "sentences.txt").read_text().splitlines()


async def spoken(kokoro: TextToSpeech, text: str) -> tuple[float, float]:
    """Return seconds to the first frame, and the smallest lead of a later frame over playback; below 0 is a gap."""
    begun = time.perf_counter()
    arrivals, lengths = [], []
    async for frame in kokoro.synthesize(text, Voice()):
        arrivals.append(time.perf_counter() - begun)
        lengths.append(frame.seconds)
    due = (arrivals[0] + heard for heard in accumulate(lengths[:-1]))
    return arrivals[0], min((at - arrival for at, arrival in zip(due, arrivals[1:], strict=True)), default=0.0)


async def timed(lab: Lab, url: str) -> list[Figure]:
    async with client(url, lab.settings) as endpoint:
        kokoro = Sentences(endpoint, [])
        short = [await spoken(kokoro, TEN_WORDS) for _ in range(lab.runs)]
        long = [await spoken(kokoro, PARAGRAPH) for _ in range(lab.few_runs)]
    return [
        Figure(
            name="local Kokoro, time to first audio of ten words",
            values=tuple(first for first, _ in short),
            incumbent="1.5 s",
            at_most=1.0,
        ),
        Figure(name="gapless after: tightest join of ten words", values=tuple(margin for _, margin in short), at_least=0.0),
        Figure(name="gapless after: tightest join of a paragraph", values=tuple(margin for _, margin in long), at_least=0.0),
        Figure(name="time to first audio of the paragraph", values=tuple(first for first, _ in long)),
    ]


async def understood(kokoro: SpeechClient, whisper: SpeechClient, sentence: str) -> tuple[str, str]:
    """Return the transcript with the silence that a microphone adds around speech, and without."""
    frames = [frame async for frame in kokoro.synthesize(sentence, Voice())]
    rate = frames[0].rate
    quiet = silence(QUIET_SECONDS, rate)
    clips = join([quiet, *frames, quiet], rate), join(frames, rate)
    recorded, bare = [(await whisper.transcribe(clip, language="en")).text for clip in clips]
    return recorded, bare


async def heard(lab: Lab, kokoro_url: str, whisper_url: str) -> list[Figure]:
    async with client(kokoro_url, lab.settings) as kokoro, client(whisper_url, lab.settings) as whisper:
        texts = [await understood(kokoro, whisper, sentence) for sentence in SENTENCES]
    recorded, bare = (100 * total_wer(list(zip(SENTENCES, heard, strict=True))) for heard in zip(*texts, strict=True))
    name = f"WER of what Kokoro says, heard by Whisper base, {len(SENTENCES)} sentences"
    return [
        Figure(name=name, values=(recorded,), unit="%", incumbent="3.8 %", at_most=2.5),
        Figure(name="without the quiet around it that a microphone gives", values=(bare,), unit="%"),
    ]


def measure(lab: Lab) -> list[Figure]:
    return asyncio.run(timed(lab, lab.start(find("kokoro"))))


def intelligibility(lab: Lab) -> list[Figure]:
    return asyncio.run(heard(lab, lab.start(find("kokoro")), lab.start(find("whisper"))))
