"""Fakes with hooks for tests: a scripted microphone, and speech engines with fixed responses."""

import array
import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from voicemode.audio.devices import Deliver, Device, Fill
from voicemode.audio.frames import PAUSE, Frame, Frames, stream
from voicemode.audio.turns.endpointer import Rules
from voicemode.controls import Controls
from voicemode.conversation.conversation import Conversation
from voicemode.conversation.detectors import TurnDetectors
from voicemode.conversation.floor import Floor
from voicemode.conversation.recording import Recording
from voicemode.conversation.status import DEAD_MICROPHONE, StatusFeed, unseen
from voicemode.conversation.utterance import Expected, ListenContext, Utterance
from voicemode.errors import AudioDeviceError, ProviderError
from voicemode.progress import Progress, Report, nobody
from voicemode.speech.base import FileProgress, Offer, Transcript, Voice
from voicemode.speech.sentence_stream import Sentences
from voicemode.speech.speculative import StreamingTranscriber, at_the_end
from voicemode.transports.base import Microphone, News, Played, Speaker, Transport

RATE = 16_000


def tone(seconds: float, level: int = 9000, rate: int = RATE) -> Frame:
    """Return audio of constant `level`: loud enough for LoudnessVad by default, silence at 0, hiss at 1."""
    return Frame(array.array("h", [level] * round(rate * seconds)).tobytes(), rate)


class LoudnessVad:
    """A VAD that takes loud audio for speech."""

    frame_seconds = 0.02
    probability = 0.0

    def is_speech(self, frame: Frame) -> bool:
        self.probability = float(max(map(abs, array.array("h", frame.pcm))) > 500)
        return self.probability > 0


class FakeSpeech:
    """An endpoint that transcribes all audio as `text` and speaks each word as one frame, or fails."""

    streams = False
    format = "pcm"

    def __init__(
        self, text: str = "yes please", error: Exception | None = None, fail_after: int = 0, offer: Offer | None = None
    ) -> None:
        self.text = text
        self.offer = offer or Offer()
        self.error = error
        self.fail_after = fail_after
        """Frames spoken before `error`."""
        self.heard: list[Frame] = []
        self.said: list[str] = []

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        self.heard.append(audio)
        if self.error:
            raise self.error
        return Transcript(self.text, language)

    def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        return at_the_end(self, frames, prompt=prompt, language=language)

    def early(self, language: str = "") -> bool:
        return False

    async def learn(self) -> None:
        """Do nothing: the offer is known from the start."""

    async def transcribe_file(
        self, path: Path, *, language: str = "", response_format: str = "text", progress: FileProgress | None = None
    ) -> str:
        if self.error:
            raise self.error
        return f"{self.text} ({path.name}, {response_format})"

    async def check(self) -> str:
        if self.error:
            raise self.error
        return "answers"

    async def warm_up(self, report: Report) -> None:
        if self.error:
            raise self.error

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        self.said.append(text)
        for number, _ in enumerate(text.split()):
            if self.error and number == self.fail_after:
                raise self.error
            yield tone(0.1, rate=24_000)


class StreamingSpeech(FakeSpeech):
    """Transcribes word by word; breaks after a number of frames."""

    streams = True

    def __init__(self, breaks_after: int | None = None) -> None:
        super().__init__()
        self.breaks_after = breaks_after
        self.streamed_seconds = 0.0

    async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        words: list[str] = []
        async for frame in frames:
            if frame == PAUSE:
                continue
            if len(words) == self.breaks_after:
                raise down("broke off")
            words.append(f"word{len(words)}")
            self.streamed_seconds += frame.seconds
            yield Transcript(" ".join(words), final=False)
        yield Transcript(" ".join(words))


def down(message: str = "connection refused") -> ProviderError:
    return ProviderError(message, transient=True)


def context(
    folder: Path, speech: StreamingTranscriber, rules: Rules, make: Callable[[], TurnDetectors] | None = None
) -> ListenContext:
    """Return a context that listens with `speech`; recordings go to `folder`, and `make` makes the detectors."""
    controls = Controls()
    return ListenContext(
        stt=speech,
        detectors=make or detectors,
        record=partial(Recording, folder),
        controls=controls,
        rules=rules,
        expected=Expected(),
        status=StatusFeed(nobody, controls, unseen),
        may_interrupt=True,
    )


def utterance(context: ListenContext) -> Utterance:
    """Return an utterance of no particular speaker."""
    return Utterance(context, "", [])


async def hear_all(utterance: Utterance, mic: Frames) -> None:
    """Feed `mic` to `utterance`, to the end of either."""
    async for frame in mic:
        if utterance.hear(frame):
            break
    utterance.finish()
    await utterance.settle()
    await utterance.close()


class ScriptedTransport:
    """A transport whose microphone delivers `script` once our own voice has ended, then hisses or breaks."""

    name = "scripted"
    echoes = True

    def __init__(self, script: Sequence[Frame], *, breaks: bool = False, while_playing: Sequence[Frame] = ()) -> None:
        self.script = script
        self.breaks = breaks
        self.while_playing = while_playing
        self.open = False
        self.open_while_playing: list[bool] = []
        self.played: list[Frame] = []
        self.shown: list[News] = []
        self.left = False
        self._our_turn = asyncio.Event()
        self._heard_us = asyncio.Event()

    @asynccontextmanager
    async def microphones(self) -> AsyncIterator[AsyncIterator[Microphone]]:
        self.open = True
        try:
            yield stream(Microphone(self._listen()))
        finally:
            self.open = False

    async def _listen(self) -> Frames:
        for frame in self.while_playing:
            yield frame
        self._heard_us.set()
        await self._our_turn.wait()
        for frame in self.script:
            yield frame
        if self.breaks:
            raise AudioDeviceError("The microphone went away.", hint="Plug it in again.")
        while True:
            yield tone(0.1, level=1)
            await asyncio.sleep(0)

    async def play(self, frames: Frames, speaker: Speaker | None = None) -> Played:
        speaker = speaker or Speaker()
        self.open_while_playing.append(self.open)
        async for frame in frames:
            self.played.append(frame)
            speaker.took(frame.seconds)
        if self.while_playing:
            await self._heard_us.wait()
        return speaker.played

    async def show(self, news: News) -> None:
        self.shown.append(news)

    async def close(self) -> None:
        self.left = True

    def our_voice_ended(self) -> None:
        self._our_turn.set()


class FakeSound:
    """An audio library with one speaker, which opens and starts when the test allows, and plays faster than real time."""

    name = "fake"

    def __init__(self) -> None:
        self.may_open = threading.Event()
        self.may_start = threading.Event()
        self.closed = threading.Event()

    def devices(self) -> list[Device]:
        return []

    def open_input(self, wanted: str, rate: int, deliver: Deliver) -> "FakeSpeaker":
        raise AudioDeviceError("There is no microphone.")

    def open_output(self, wanted: str, rate: int, fill: Fill) -> "FakeSpeaker":
        self.may_open.wait(10)
        return FakeSpeaker(rate, fill, self.may_start, self.closed)


class FakeSpeaker:
    """The speaker of a FakeSound."""

    latency_seconds = 0.0

    def __init__(self, rate: int, fill: Fill, may_start: threading.Event, closed: threading.Event) -> None:
        self.rate = rate
        self._fill = fill
        self._may_start = may_start
        self._closed = closed
        self._thread = threading.Thread(target=self._play, name="fake-speaker", daemon=True)

    def start(self) -> None:
        self._may_start.wait(10)
        if not self._closed.is_set():
            self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _play(self) -> None:
        while not self._closed.wait(0.001):
            self._fill(self.rate // 10)


class Stages(list[str]):
    """A report that records the stages, and lets the person speak once we listen."""

    def __init__(self, transport: ScriptedTransport | None = None) -> None:
        super().__init__()
        self._transport = transport

    def __call__(self, progress: Progress) -> None:
        self.append(str(progress))
        if progress.stage == "listening" and progress.detail != DEAD_MICROPHONE and self._transport:
            self._transport.our_voice_ended()


def conversation(transport: Transport, speech: FakeSpeech, recordings: Path, floor: Floor | None = None) -> Conversation:
    return Conversation(transport, speech, Sentences(speech, []), detectors, recordings, floor or Floor())


def detectors() -> TurnDetectors:
    return TurnDetectors(vad=LoudnessVad())


QUICK = Rules(silence_seconds=0.5, patience_seconds=2.0, max_seconds=5.0)
