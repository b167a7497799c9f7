"""A transport where several people can talk at once, and over us. Time passes in steps of 20 ms: run it in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.fakes import FakeSpeech, LoudnessVad, Stages, tone
from voicemode.audio.frames import Chunks, Frame, Frames, closing
from voicemode.audio.turns.endpointer import Rules
from voicemode.conversation.conversation import Conversation
from voicemode.conversation.detectors import TurnDetectors
from voicemode.conversation.floor import Floor
from voicemode.conversation.message import Playback
from voicemode.conversation.result import TurnResult
from voicemode.conversation.turn import TurnOptions
from voicemode.conversation.utterance import Expected
from voicemode.errors import AudioDeviceError
from voicemode.speech.base import Transcript, Voice
from voicemode.speech.sentence_stream import Sentences
from voicemode.text.commands import chosen
from voicemode.transports.base import Microphone, News, Played, Speaker, Words

STEP_SECONDS = 0.02
WORD_SECONDS = 0.3
MANNERS = TurnOptions(
    rules=Rules(silence_seconds=0.5, patience_seconds=2.0, max_seconds=20.0),
    cues=False,
    expected=Expected(phrases=chosen(["language"], "en")),
)
MESSAGE = "WordP wordQ wordR wordS wordT wordU wordV wordW wordX wordA wordB wordC."
"""Message of 3.6 s of our voice, in one part."""


class Ears(FakeSpeech):
    """Speaks a word in 0.3 s. The transcript depends on the loudness of the audio, else it is always the same."""

    def __init__(self, text: str = "yes please", by_level: dict[int, str] | None = None) -> None:
        super().__init__(text)
        self.by_level = by_level or {}
        self.may_hear = asyncio.Event()
        self.may_hear.set()

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        await self.may_hear.wait()
        transcript = await super().transcribe(audio)
        level = max(memoryview(audio.pcm).cast("h"))
        return Transcript(self.by_level.get(level, transcript.text))

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        self.said.append(text)
        for _ in text.split():
            yield tone(WORD_SECONDS, rate=24_000)


@dataclass(frozen=True)
class Says:
    """Speech with a length, a level and a start: seconds after the microphones were opened."""

    at: float
    seconds: float
    level: int = 9000


@dataclass
class Person:
    says: Sequence[Says] = ()
    name: str = ""
    comes_at: float = 0.0
    leaves_at: float = 1e9
    fails_at: float = 1e9
    stalls_at: float = 1e9
    """Time after which nothing comes from the microphone."""

    def frame(self, now: float) -> Frame:
        levels = [said.level for said in self.says if said.at <= now < said.at + said.seconds]
        return tone(STEP_SECONDS, max(levels, default=1))


@dataclass
class Duplex:
    people: Sequence[Person]
    closed: bool = False
    """True if nobody else can join."""
    echoes: bool = False
    name: str = "duplex"
    now: float = 0.0
    open: int = 0
    shown: list[News] = field(default_factory=list)
    volumes: list[float] = field(default_factory=list)
    """Volumes of our voice as played, step by step."""
    silent_at: float = 0.0
    """Time at which our voice was last audible."""

    def __post_init__(self) -> None:
        self._tick = asyncio.Event()

    @asynccontextmanager
    async def microphones(self) -> AsyncIterator[AsyncIterator[Microphone]]:
        if self.closed and not self.people:
            raise AudioDeviceError("There is no microphone.")
        self.open += 1
        self.now = 0.0
        ticking = asyncio.create_task(self._run())
        try:
            async with closing(self._coming()) as coming:
                yield coming
        finally:
            ticking.cancel()
            self.open -= 1

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(STEP_SECONDS)
            self.now += STEP_SECONDS
            tick, self._tick = self._tick, asyncio.Event()
            tick.set()

    async def until(self, moment: float) -> None:
        while self.now < moment:
            await self._tick.wait()

    async def _coming(self) -> AsyncIterator[Microphone]:
        for person in sorted(self.people, key=lambda person: person.comes_at):
            await self.until(person.comes_at)
            yield Microphone(self._frames(person), person.name)
        if not self.closed:
            await asyncio.Event().wait()

    async def _frames(self, person: Person) -> Frames:
        while self.now < person.leaves_at:
            if self.now >= person.fails_at:
                raise AudioDeviceError("The microphone went away.", hint="Plug it in again.")
            if self.now >= person.stalls_at:
                await asyncio.Event().wait()
            yield person.frame(self.now)
            await self._tick.wait()

    async def play(self, frames: Frames, speaker: Speaker | None = None) -> Played:
        speaker, chunks = speaker or Speaker(), Chunks(STEP_SECONDS)
        async with closing(frames):
            async for frame in frames:
                for chunk in chunks.cut(frame):
                    while not speaker.volume:
                        await self._tick.wait()
                    speaker.took(chunk.seconds)
                    self.volumes.append(speaker.volume)
                    await self._tick.wait()
                    self.silent_at = self.now
        return speaker.played

    async def show(self, news: News) -> None:
        self.shown.append(news)

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def words(self) -> list[tuple[str, str]]:
        """Return (speaker, text) of the last version of each utterance."""
        latest = {each.segment: each for each in self.shown if isinstance(each, Words)}
        return [(each.speaker, each.text) for each in latest.values()]


def detectors() -> TurnDetectors:
    return TurnDetectors(vad=LoudnessVad())


def conversation(place: Duplex, speech: Ears, folder: Path, floor: Floor | None = None) -> Conversation:
    return Conversation(place, speech, Sentences(speech, []), detectors, folder, floor or Floor())


async def talk(
    place: Duplex,
    speech: Ears,
    folder: Path,
    options: TurnOptions = MANNERS,
    message: str = MESSAGE,
    floor: Floor | None = None,
) -> tuple[Playback, TurnResult]:
    """Run one turn."""
    async with asyncio.timeout(60):
        return await conversation(place, speech, folder, floor).converse(message, Voice(), options, Stages())
