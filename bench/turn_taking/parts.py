"""Turns transcribed in parts: compare the accuracy with whole turns, and the delay after a minute with that after a sentence.

The product's own conversation in virtual time, with Whisper base, which takes the processor time that it needs here.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from bench.figures import Figure
from bench.lab import MODELS, Lab
from bench.turn_taking.loudness import loudness, samples, sound
from bench.turn_taking.offline import Room, listen
from bench.turn_taking.recordings import Clip, default_folder, loud_enough, recorded
from bench.turn_taking.utterances import Utterance, complete, find_cut, one_after_another, with_pause
from tests.support.virtual_time import run
from tests.support.wer import normal, total_wer
from voicemode.audio.frames import Frame, silence
from voicemode.audio.turns.endpointer import Rules
from voicemode.audio.vad import RATE, create_vad
from voicemode.conversation.detectors import TurnDetectors
from voicemode.conversation.turn import TurnOptions
from voicemode.engines.whisper.engine import WhisperEngine, load_whisper
from voicemode.engines.whisper.transcript import Options
from voicemode.models.models import ensure
from voicemode.speech.base import Transcript, Voice
from voicemode.speech.speculative import speculative

HEARD_OUT = Rules(silence_seconds=1.8, max_seconds=600.0)
"""Rules that cut nobody off, as only the transcripts are measured."""
THOUGHT_SECONDS = 1.3
SOFTLY = 0.5
AUDIBLE = 3000.0
"""Root mean square of the loudest moments of a person at a microphone."""
LONG_SECONDS = (30.0, 45.0, 60.0)
GAPS_SECONDS = (0.3, 0.6, 1.0)
SHORT = (4.0, 7.0)
"""Shortest and longest short turn, in seconds."""


@dataclass(frozen=True, slots=True)
class Understood:
    """Transcripts of one turn."""

    seconds: float
    said: str
    whole: str
    """Transcript of the turn as one file."""
    parts: str
    """Transcript of the turn in parts."""
    ready_seconds: float
    """Seconds from the last sound until nothing was left to transcribe."""

    @property
    def lost(self) -> tuple[int, int]:
        """Numbers of words missing from the parts at the start and at the end. A word heard differently is not lost."""
        whole, parts = normal(self.whole), normal(self.parts)
        blocks = [each for each in SequenceMatcher(None, whole, parts, autojunk=False).get_matching_blocks() if each.size]
        if not blocks:
            return len(whole), len(whole)
        first, last = blocks[0], blocks[-1]
        after = (len(whole) - last.a) - (len(parts) - last.b)
        return max(0, first.a - first.b), max(0, after)


class Busy:
    """Whisper, one request at a time, as in our service: abandoned requests are finished all the same."""

    def __init__(self, engine: WhisperEngine) -> None:
        self._engine = engine
        self._lock = asyncio.Lock()
        self.free_at = 0.0
        """Time at which Whisper is free, by the loop's clock."""

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        now = asyncio.get_running_loop().time
        async with self._lock:
            await asyncio.sleep(max(0.0, self.free_at - now()))
            begun = time.process_time()
            text = written(self._engine, audio, prompt)
            self.free_at = now() + time.process_time() - begun
            await asyncio.sleep(self.free_at - now())
        return Transcript(text, language="en", provider="bench")

    def transcripts(self, frames: AsyncIterator[Frame], *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        return speculative(self, frames, prompt=prompt, language=language)

    def early(self, language: str = "") -> bool:
        return True

    async def synthesize(self, text: str, voice: Voice) -> AsyncIterator[Frame]:
        yield silence(0.1, RATE)


def written(engine: WhisperEngine, audio: Frame, prompt: str = "") -> str:
    segments = engine.transcribe([audio], Options(language="en", prompt=prompt))
    return "".join(segment.text for segment in segments).strip()


async def understood(engine: WhisperEngine, said: Utterance, folder: Path) -> Understood:
    room, ears = Room(said), Busy(engine)
    heard = await listen(
        room, ears, lambda: TurnDetectors(vad=create_vad("auto", 2)), TurnOptions(rules=HEARD_OUT, cues=False), folder
    )
    words = " ".join(word.text for word in said.words)
    ready = ears.free_at - room.last_sound_at
    return Understood(said.audio.seconds, words, written(engine, said.audio), heard.text, ready)


def sentences(clips: Sequence[Clip]) -> list[Utterance]:
    """Return 100 turns from 25 clips: unchanged, softly, with a pause for thought, and in pairs."""
    whole = [complete(clip) for clip in clips]
    cuts = [(clip, find_cut(clip)) for clip in clips]
    thoughtful = [with_pause(clip, cut, THOUGHT_SECONDS) for clip, cut in cuts if cut is not None]
    pairs = [one_after_another(pair, GAPS_SECONDS[1], 0.1 + pair[0].audio.seconds) for pair in pairwise([*clips, clips[0]])]
    return [*whole, *map(softly, whole), *thoughtful, *pairs]


def audible(clip: Clip) -> Clip:
    """Amplify `clip` to the level of speech if the recording is too faint for any detector."""
    if loud_enough(clip.audio):
        return clip
    level = float(np.percentile(loudness(clip.audio), 99))
    return replace(clip, audio=sound(samples(clip.audio) * AUDIBLE / level))


def softly(said: Utterance) -> Utterance:
    """Return the utterance from further away."""
    return replace(said, name=f"{said.name} softly", audio=sound(samples(said.audio) * SOFTLY))


def speeches(clips: Sequence[Clip]) -> list[Utterance]:
    """Return long turns: each length with each gap between sentences, by different people."""
    made = []
    for number, (seconds, gap) in enumerate((seconds, gap) for seconds in LONG_SECONDS for gap in GAPS_SECONDS):
        start = number * 4 % len(clips)
        made.append(one_after_another([*clips[start:], *clips[:start]], gap, seconds))
    return made


def figures(short: Sequence[Understood], long: Sequence[Understood]) -> list[Figure]:
    """Return the figures of sentences and of speeches."""
    some = [each.ready_seconds for each in short if SHORT[0] <= each.seconds <= SHORT[1]]
    minute = [each.ready_seconds for each in long if each.seconds >= LONG_SECONDS[-1]]
    lost = [each.lost for each in (*short, *long)]
    return [
        *compared(f"WER of {len(short)} turns of a sentence or two", short),
        *compared(f"WER of {len(long)} turns of 30 to 60 s", long),
        count(f"first word lost, of {len(lost)} turns", [before for before, _ in lost]),
        count(f"last word lost, of {len(lost)} turns", [after for _, after in lost]),
        Figure(name="last sound → text, after 60 s of speech", values=tuple(minute), incumbent="grows", at_most=1.0),
        Figure(name="the same after 5 s", values=tuple(some)),
        Figure(name="how much longer that is", values=(median(minute) - median(some),), at_most=0.2),
    ]


def compared(name: str, turns: Sequence[Understood]) -> list[Figure]:
    parts = 100 * total_wer([(each.said, each.parts) for each in turns])
    whole = 100 * total_wer([(each.said, each.whole) for each in turns])
    return [
        Figure(name=f"{name}, part by part", values=(parts,), unit="%", at_most=round(whole + 0.5, 1)),
        Figure(name="as one file each", values=(whole,), unit="%"),
    ]


def count(name: str, lost: Sequence[int]) -> Figure:
    return Figure(name=name, values=(float(sum(map(bool, lost))),), unit="errors", at_most=0)


def measure(lab: Lab) -> list[Figure]:
    del lab
    engine = load_whisper(ensure("whisper-base", MODELS), "base", threads=1)
    clips = [audible(clip) for clip in recorded(default_folder())]
    with TemporaryDirectory(prefix="voicemode-bench-") as folder:

        def turns(said: Sequence[Utterance]) -> list[Understood]:
            return [run(understood(engine, each, Path(folder))) for each in said]

        return figures(turns(sentences(clips)), turns(speeches(clips)))
