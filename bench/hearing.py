"""Local Whisper: latency of a short utterance over HTTP, accuracy with the short window, and completeness."""

import asyncio
import csv
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from bench.figures import Figure
from bench.lab import Lab, utterance
from tests.support.paths import REPOSITORY
from tests.support.wer import normal, total_wer
from voicemode.audio.frames import Frame, join, silence
from voicemode.audio.wav import read_wav
from voicemode.config import Settings
from voicemode.http_client.client import open_http
from voicemode.services import find
from voicemode.speech.openai.client import Endpoint, SpeechClient

WHISPER = find("whisper")
FULL_WINDOW = replace(WHISPER, name="whisper-30s", command=(str(Path(__file__).parent / "programs/full_window.py"), "{port}"))
WANTED_SPEECH = REPOSITORY.parent / "shared/speech"
"""25 clips of nine people; if missing, the five clips of the tests are used."""
SHORT_SECONDS = 2.5
"""Length below which Whisper tends to take a sentence for the whole recording, or for nothing."""
PAUSE_SECONDS = 0.5
MANY_WORDS = 3
"""Number of missing words that counts as an omission; fewer can be two words heard as one."""


@asynccontextmanager
async def client(url: str, settings: Settings) -> AsyncIterator[SpeechClient]:
    """Yield VoiceMode's own client of the service at `url`, with its connection open."""
    async with open_http() as http:
        speech = SpeechClient(Endpoint(url), http, settings)
        await speech.learn()
        yield speech


def clips() -> list[tuple[Frame, str]]:
    """Return recordings of people, with transcripts."""
    folder = WANTED_SPEECH if WANTED_SPEECH.is_dir() else REPOSITORY / "tests/recordings"
    with (folder / "manifest.tsv").open(encoding="utf-8") as manifest:
        return [(read_wav(folder / row["file"]), row["transcript"]) for row in csv.DictReader(manifest, delimiter="\t")]


def pairs() -> list[tuple[Frame, str]]:
    """Return short sentences, each followed by a pause and another sentence."""
    spoken = clips()
    short = [(clip, said) for clip, said in spoken if clip.seconds < SHORT_SECONDS]
    pause = silence(PAUSE_SECONDS, spoken[0][0].rate)
    return [
        (join([clip, pause, other], clip.rate), f"{said} {more}")
        for clip, said in short
        for other, more in spoken[::3]
        if said != more
    ]


async def left_out(whisper: SpeechClient, spoken: list[tuple[Frame, str]]) -> int:
    """Return the number of recordings in `spoken` with many missing words."""
    heard = [(said, (await whisper.transcribe(clip, language="en")).text) for clip, said in spoken]
    return sum(len(normal(said)) - len(normal(text)) >= MANY_WORDS for said, text in heard)


async def seconds_to_hear(whisper: SpeechClient, runs: int, language: str = "") -> tuple[float, ...]:
    clip, taken = utterance(), []
    for _ in range(runs):
        begun = time.perf_counter()
        await whisper.transcribe(clip, language=language)
        taken.append(time.perf_counter() - begun)
    return tuple(taken)


async def error_rate(whisper: SpeechClient) -> float:
    """Return the word error rate of all clips together, in percent."""
    return 100 * total_wer([(said, (await whisper.transcribe(clip, language="en")).text) for clip, said in clips()])


async def heard(lab: Lab, short_url: str, full_url: str) -> list[Figure]:
    async with client(short_url, lab.settings) as short, client(full_url, lab.settings) as full:
        wer = {whisper: await error_rate(whisper) for whisper in (short, full)}
        spoken = pairs()
        return [
            Figure(
                name=f"local Whisper base, {utterance().seconds:.0f} s utterance",
                values=await seconds_to_hear(short, lab.runs),
                incumbent="1.2 s",
                at_most=0.45,
            ),
            Figure(name="its language given", values=await seconds_to_hear(short, lab.runs, "en")),
            Figure(name="with the window of 30 s", values=await seconds_to_hear(full, lab.runs)),
            Figure(name="with the window of 30 s, its language given", values=await seconds_to_hear(full, lab.runs, "en")),
            Figure(
                name=f"local Whisper base, WER of {len(clips())} clips",
                values=(wer[short],),
                unit="%",
                at_most=round(wer[full], 1),
            ),
            Figure(name="with the window of 30 s", values=(wer[full],), unit="%"),
            Figure(
                name=f"words left out in {len(spoken)} pairs of sentences",
                values=(float(await left_out(short, spoken)),),
                unit="errors",
                at_most=0,
            ),
        ]


def measure(lab: Lab) -> list[Figure]:
    urls = lab.start(WHISPER), lab.start(FULL_WINDOW, replace(lab.settings, whisper_port=lab.spare_port))
    return asyncio.run(heard(lab, *urls))
