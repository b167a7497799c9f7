"""Turns without a sound card and without waiting: the product's own conversation in virtual time.

Microphone, engines and clock are fakes; listening, endpointing and speculation are the product's.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from bench.figures import Figure
from bench.lab import MODELS
from bench.programs.speech_service import STT_SECONDS
from bench.turn_taking.cost import Bill
from bench.turn_taking.curves import Curve
from bench.turn_taking.ears import Hear, Kind, ears
from bench.turn_taking.outcomes import Outcome, outcome
from bench.turn_taking.presets import NORMAL, rules
from bench.turn_taking.recalled import Memory
from bench.turn_taking.utterances import Utterance, room
from tests.support.virtual_time import run
from voicemode.audio.frames import SAMPLE_BYTES, Frame, Frames, closing, join, silence, stream
from voicemode.audio.turns.model import load_smart_turn
from voicemode.audio.vad import RATE
from voicemode.conversation.conversation import Conversation
from voicemode.conversation.detectors import TurnDetectors
from voicemode.conversation.floor import Floor
from voicemode.conversation.result import TurnResult
from voicemode.conversation.turn import TurnOptions
from voicemode.models.models import ensure
from voicemode.progress import nobody
from voicemode.speech.base import TextToSpeech, Transcript, Voice
from voicemode.speech.sentence_stream import Sentences
from voicemode.speech.speculative import StreamingTranscriber, speculative
from voicemode.transports.base import Microphone, News, Played, Speaker

FRAME_SECONDS = 0.02
BEFORE_SECONDS = 0.6
"""Silence before the person begins."""
AFTER_SECONDS = 12.0


class Room:
    """A transport that delivers the person's audio as a microphone does: 20 ms every 20 ms."""

    name = "room"
    echoes = False

    def __init__(self, utterance: Utterance) -> None:
        before, after = (room(utterance.audio, seconds) for seconds in (BEFORE_SECONDS, AFTER_SECONDS))
        self._audio = join([before, utterance.audio, after], RATE)
        self._speech_ends = before.seconds + utterance.last_sound
        self._opened_at = 0.0

    @property
    def last_sound_at(self) -> float:
        """Time of the person's last sound by the loop's clock."""
        return self._opened_at + self._speech_ends

    @asynccontextmanager
    async def microphones(self) -> AsyncIterator[AsyncIterator[Microphone]]:
        self._opened_at = asyncio.get_running_loop().time()
        yield stream(Microphone(self._frames()))

    async def _frames(self) -> Frames:
        loop = asyncio.get_running_loop()
        size = round(FRAME_SECONDS * RATE) * SAMPLE_BYTES
        for number, at in enumerate(range(0, len(self._audio.pcm) - size, size), start=1):
            await asyncio.sleep(self._opened_at + number * FRAME_SECONDS - loop.time())
            yield Frame(self._audio.pcm[at : at + size], RATE)

    async def play(self, frames: Frames, speaker: Speaker | None = None) -> Played:
        speaker = speaker or Speaker()
        async with closing(frames):
            async for frame in frames:
                speaker.took(frame.seconds)
                await asyncio.sleep(frame.seconds)
        return speaker.played

    async def show(self, news: News) -> None:
        """Do nothing: there is no screen."""

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


class Engines:
    """A transcriber that takes 0.3 s, and a synthesizer that is never called."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        await asyncio.sleep(STT_SECONDS)
        return Transcript(self._hear(audio), provider="bench")

    def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        return speculative(self, frames, prompt=prompt, language=language)

    def early(self, language: str = "") -> bool:
        return True

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        yield silence(0.1, RATE)


class Speech(StreamingTranscriber, TextToSpeech, Protocol):
    """Transcriber and synthesizer in one."""


async def listen(
    place: Room, engines: Speech, detectors: Callable[[], TurnDetectors], options: TurnOptions, recordings: Path
) -> TurnResult:
    """Run the turn of the person in `place`, about whom nothing is known."""
    return await Conversation(place, engines, Sentences(engines, []), detectors, recordings, Floor()).listen(options, nobody)


@dataclass(frozen=True, slots=True)
class Bench:
    """The equipment with which turns are measured."""

    detectors: Callable[[], TurnDetectors]
    """Makes new detectors for each turn."""
    ears: Callable[[Utterance], Hear]
    recordings: Path

    def curve(self, name: str, said: Sequence[Utterance]) -> Curve:
        """Return the curve of a preset or baseline. Each person is new, and nothing is known about their pauses."""
        return Curve(name, tuple(run(self.turn(each, TurnOptions(rules=rules(name), cues=False))) for each in said))

    async def turn(self, utterance: Utterance, options: TurnOptions) -> Outcome:
        """Return the outcome of the person's turn, by the loop's clock."""
        place = Room(utterance)
        heard = await listen(place, Engines(self.ears(utterance)), self.detectors, options, self.recordings)
        wait = asyncio.get_running_loop().time() - place.last_sound_at
        return outcome(utterance, wait, heard.ended, heard.text)


def measure(names: Sequence[str], said: Sequence[Utterance], kind: Kind, *, light: bool) -> tuple[list[Curve], list[Figure]]:
    """Return a curve for each of `names`, and the cost of listening; `light` omits the turn model. Raises WeightsError."""
    model = None if light else load_smart_turn(ensure("smart-turn", MODELS))
    memory, bill = Memory(model), Bill(model)
    with TemporaryDirectory(prefix="voicemode-bench-") as folder:
        bench = Bench(memory.detectors, ears(kind), Path(folder))
        curves = [bench.curve(name, said) for name in names]
        replace(bench, detectors=bill.detectors).curve(NORMAL, [each for each in said if not each.pause_seconds])
    parts = "speech detector" if light else "speech detector and turn model"
    return curves, [Figure(name=f"{parts}, of one core", values=(bill.percent,), unit="%", at_most=12)]
