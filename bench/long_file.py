"""A turn during a long transcription: latency of local Whisper for a short utterance while it transcribes an hour."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

from bench.figures import Figure
from bench.hearing import WHISPER, client, clips
from bench.lab import Lab, utterance
from voicemode.audio.frames import join
from voicemode.audio.wav import wav_bytes
from voicemode.speech.openai.client import SpeechClient

HOUR_SECONDS = 3600.0
BEGIN_SECONDS = 30.0
"""Seconds until the file has been sent and Whisper has read its first part."""
PAUSE_SECONDS = 0.7
"""Seconds between two utterances, so that these arrive at varying points of the transcription's steps."""


@contextmanager
def hour() -> Iterator[Path]:
    """Yield a file with an hour of speech: recordings of people, repeated."""
    spoken = join([clip for clip, _ in clips()], utterance().rate)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "hour.wav"
        file.write_bytes(wav_bytes(join([spoken] * round(HOUR_SECONDS / spoken.seconds), spoken.rate)))
        yield file


async def replies(whisper: SpeechClient, runs: int) -> tuple[float, ...]:
    """Return the seconds from each request to its response."""
    taken = []
    for _ in range(runs):
        await asyncio.sleep(PAUSE_SECONDS)
        begun = time.perf_counter()
        await whisper.transcribe(utterance(), language="en")
        taken.append(time.perf_counter() - begun)
    return tuple(taken)


async def beside(url: str, lab: Lab, file: Path) -> list[Figure]:
    runs = 3 * lab.runs
    async with client(url, lab.settings) as live, client(url, lab.settings) as other:
        await replies(live, 1)
        alone = await replies(live, runs)
        long = asyncio.create_task(other.transcribe_file(file, language="en"))
        await asyncio.sleep(BEGIN_SECONDS)
        with_file = await replies(live, runs)
        if long.done():
            raise SystemExit(f"The hour was over too soon: {long.result()[:80]}")
        long.cancel()
        with suppress(asyncio.CancelledError):
            await long
    return [
        Figure(
            name="a short utterance beside a file of an hour, against that alone",
            values=(median(with_file) / median(alone),),
            unit="×",
            at_most=1.3,
        ),
        Figure(name="beside it", values=with_file),
        Figure(name="alone", values=alone),
    ]


def measure(lab: Lab) -> list[Figure]:
    with hour() as file:
        return asyncio.run(beside(lab.start(WHISPER), lab, file))
