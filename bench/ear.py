"""Written text spoken by Kokoro and transcribed by Whisper: the share of meaningful words that come back."""

import asyncio
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.figures import Figure
from bench.hearing import client
from bench.lab import Lab
from tests.support.wer import normal
from voicemode.audio.frames import join, silence
from voicemode.config import Settings
from voicemode.services import find
from voicemode.speech.base import Voice
from voicemode.speech.openai.client import SpeechClient
from voicemode.text.spoken import spoken

SENTENCES = Path(__file__).parent / "ear.txt"
QUIET_SECONDS = 0.5
"""Silence that our recorder keeps around speech."""
PATIENCE_SECONDS = 120.0
KEPT_PERCENT = 95.0


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, and the words of it that must come back."""

    kind: str
    text: str
    words: tuple[tuple[str, ...], ...]
    """Each word in all acceptable spellings."""


def sentences() -> Iterator[Sentence]:
    kind = ""
    for line in SENTENCES.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            kind = line[3:]
        elif " => " in line and kind:
            text, _, words = line.rpartition(" => ")
            yield Sentence(kind, text.replace("\\n", "\n"), tuple(tuple(word.split(" / ")) for word in words.split("; ")))


def plain(text: str) -> list[str]:
    """Return the words of a transcript, with numbers and signs spelled out."""
    text = re.sub(r"(?<=\d),(?=\d)", "", text).replace("%", " percent ").replace("&", " and ")
    text = re.sub(r"\$(\d+(?:\.\d+)?)", r"\1 dollars", re.sub(r"(?<=\d)\.(?=\d)", " point ", text))
    text = re.sub(r"\b([ap])\.m\.", r"\1m", text.lower())
    return normal(re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", " ", text))


def comes_back(word: str, heard: Sequence[str]) -> bool:
    """True if `word`, which can be a phrase, is in `heard`, however that is divided into words."""
    wanted = "".join(plain(word))
    return any("".join(heard[start:end]) == wanted for start in range(len(heard)) for end in range(start + 1, len(heard) + 1))


def lost(sentence: Sentence, heard: str) -> list[str]:
    """Return the words of `sentence` that did not come back."""
    words = plain(heard)
    return [ways[0] for ways in sentence.words if not any(comes_back(way, words) for way in ways)]


async def heard_back(kokoro: SpeechClient, whisper: SpeechClient, text: str) -> str:
    """Speak `text` like a message, and return its transcript."""
    frames = [frame async for frame in kokoro.synthesize(spoken(text, language="en"), Voice())]
    quiet = silence(QUIET_SECONDS, frames[0].rate)
    return (await whisper.transcribe(join([quiet, *frames, quiet], frames[0].rate), language="en")).text


async def listened(settings: Settings, kokoro_url: str, whisper_url: str) -> list[Figure]:
    # Speed does not matter here.
    settings = replace(settings, first_byte_timeout=PATIENCE_SECONDS, idle_timeout=PATIENCE_SECONDS)
    missing, words = defaultdict[str, int](int), 0
    async with client(kokoro_url, settings) as kokoro, client(whisper_url, settings) as whisper:
        for sentence in sentences():
            heard = await heard_back(kokoro, whisper, sentence.text)
            words += len(sentence.words)
            if gone := lost(sentence, heard):
                missing[sentence.kind] += len(gone)
                print(f"{sentence.kind}: {sentence.text!r}: {gone} lost in {heard!r}", file=sys.stderr, flush=True)
    kept = 100 * (1 - sum(missing.values()) / words)
    kinds = {sentence.kind for sentence in sentences()}
    return [
        Figure(name=f"words that come back, of {words} that bear the meaning", values=(kept,), unit="%", at_least=KEPT_PERCENT),
        Figure(name=f"kinds of {len(kinds)} in which none is lost", values=(float(len(kinds) - len(missing)),), unit="kinds"),
    ]


def measure(lab: Lab) -> list[Figure]:
    return asyncio.run(listened(lab.settings, lab.start(find("kokoro")), lab.start(find("whisper"))))
