"""Adapter from plugins to our own interfaces: the one boundary that a plugin's bugs do not cross.

An adapted plugin raises nothing but ProviderError, blocks no longer than the settings allow, and has every method that
our own providers have.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from voicemode.audio.codec import decode_file
from voicemode.audio.frames import Frame, Frames, closing, join
from voicemode.audio.vad import RATE
from voicemode.config import Settings
from voicemode.errors import ProviderError, Remedy, UnsuitableError, VoiceModeError
from voicemode.progress import Progress, Report
from voicemode.speech.base import FileProgress, Offer, TextFormat, Transcript, Voice
from voicemode.speech.speculative import at_the_end
from voicemode.tasks import ended

T = TypeVar("T")

LEARN_SECONDS = 1.0
FILE_SECONDS = 3600.0
"""Timeout for a plugin that transcribes files itself: an hour of audio takes a slow engine that long."""
WARM_UP_SECONDS = 3600.0
"""Timeout for a plugin's warm-up, which may have to fetch weights."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """The plugin that is blamed for a failure."""

    name: str
    """Display name: plugin and URL."""
    key: str = ""
    """Key of the URL, which must not appear in messages."""

    @contextmanager
    def blamed(self, ours: Callable[[BaseException], bool] = lambda _: False) -> Iterator[None]:
        """Turn any exception inside into a ProviderError, except those that are `ours`."""
        try:
            yield
        except ProviderError:
            raise
        except Exception as error:
            if ours(error):
                raise
            raise self.failed(error) from error

    def failed(self, error: Exception) -> ProviderError:
        match error:
            case VoiceModeError():
                return ProviderError(
                    self._clean(error.message),
                    transient=False,
                    hint=Remedy(self._clean(error.hint.text), self._clean(error.hint.command)),
                )
            case TimeoutError():
                return ProviderError(f"{self.name} did not answer in time.", transient=True)
            case _:
                text = self._clean(f"{type(error).__name__}: {error}")
                return ProviderError(f"{self.name} failed ({text}).", transient=isinstance(error, OSError))

    def _clean(self, text: str) -> str:
        return " ".join((text.replace(self.key, "***") if self.key else text).split())


class Guarded:
    """Base of guarded transcribers and synthesizers. `thing` is the plugin's object, and may lack any member."""

    def __init__(self, thing: Any, culprit: Culprit, settings: Settings) -> None:
        self._thing = thing
        self._culprit = culprit
        self._settings = settings

    @property
    def offer(self) -> Offer:
        return self._own("offer", Offer, Offer())

    @property
    def format(self) -> str:
        return self._own("format", str, "")

    async def learn(self) -> None:
        if hasattr(self._thing, "learn"):
            with suppress(ProviderError), self._culprit.blamed():
                async with asyncio.timeout(LEARN_SECONDS):
                    await self._thing.learn()

    async def check(self) -> str:
        if not hasattr(self._thing, "check"):
            return "is set up; whether it answers shows when it is used"
        with self._culprit.blamed():
            async with asyncio.timeout(self._settings.first_byte_timeout):
                return str(await self._thing.check())

    async def warm_up(self, report: Report) -> None:
        def passed_on(progress: object) -> None:
            if isinstance(progress, Progress):
                report(progress)

        if hasattr(self._thing, "warm_up"):
            with self._culprit.blamed():
                async with asyncio.timeout(WARM_UP_SECONDS):
                    await self._thing.warm_up(passed_on)

    def _own(self, name: str, kind: type[T], default: T) -> T:
        """Return an attribute of the plugin's object; `default` if it is missing, fails or has another type."""
        with suppress(ProviderError), self._culprit.blamed():
            value = getattr(self._thing, name, default)
            return value if isinstance(value, kind) else default
        return default


class GuardedTranscriber(Guarded):
    """A Transcriber around a plugin's SpeechToText."""

    @property
    def streams(self) -> bool:
        return self._own("streams", bool, default=False)

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        with self._culprit.blamed():
            async with asyncio.timeout(self._settings.answer_timeout + audio.seconds):
                return _checked(await self._thing.transcribe(audio, prompt=prompt, language=language), Transcript)

    async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        if not hasattr(self._thing, "transcripts"):
            async for transcript in at_the_end(self, frames, prompt=prompt, language=language):
                yield transcript
            return
        audio = _Witnessed(frames, self._settings.answer_timeout)
        passing = asyncio.create_task(audio.pass_on())
        try:
            with self._culprit.blamed(audio.is_to_blame):
                async with closing(self._thing.transcripts(audio.frames(), prompt=prompt, language=language)) as theirs:
                    final = False
                    while not final:
                        transcript = _checked(await audio.in_time(anext(theirs, None)), Transcript)
                        final = transcript.final
                        if final and not audio.taken:
                            raise UnsuitableError(f"{self._culprit.name} answered before all had been said.")
                        yield transcript
        finally:
            await ended(passing)

    async def transcribe_file(
        self, path: Path, *, language: str = "", response_format: TextFormat = "text", progress: FileProgress | None = None
    ) -> str:
        """Same as `Transcriber.transcribe_file`, but without progress. Raises VoiceModeError if the file cannot be read."""
        if hasattr(self._thing, "transcribe_file"):
            with self._culprit.blamed():
                async with asyncio.timeout(FILE_SECONDS):
                    theirs = self._thing.transcribe_file(path, language=language, response_format=response_format)
                    return _checked(await theirs, str)
        if response_format != "text":
            raise UnsuitableError(
                f"{self._culprit.name} gives plain text only, not {response_format}.",
                hint="Ask for text, or put another speech-to-text endpoint first.",
            )
        audio = await asyncio.to_thread(_decoded, path)
        return (await self.transcribe(audio, prompt=self._settings.prompt, language=language)).text


class GuardedSynthesizer(Guarded):
    """A Synthesizer around a plugin's TextToSpeech."""

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        clock = asyncio.get_running_loop().time
        patience, left, heard = self._settings.first_byte_timeout, self._settings.answer_timeout, False
        with self._culprit.blamed():
            async with closing(self._thing.synthesize(text, voice)) as frames:
                asked_at = clock()
                while (frame := await _within(min(patience, left), anext(frames, None))) is not None:
                    # Time that the consumer takes does not count against the plugin.
                    left -= clock() - asked_at
                    if _checked(frame, Frame).pcm:
                        heard, patience = True, self._settings.idle_timeout
                        yield frame
                    asked_at = clock()
        if not heard:
            raise ProviderError(f"{self._culprit.name} answered with no audio.", transient=True)


@dataclass(frozen=True, slots=True)
class Broken:
    """Stand-in for an object that could not be built; every request to it raises the reason."""

    error: ProviderError

    async def check(self) -> str:
        raise self.error

    async def warm_up(self, _report: Report) -> None:
        raise self.error

    async def transcribe(self, _audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        raise self.error

    def synthesize(self, _text: str, _voice: Voice) -> Frames:
        raise self.error


class _Witnessed:
    """Audio on its way to a plugin, which may not read it.

    A failure of the source is not the plugin's fault; the timeout for the response runs from the end of the audio.
    """

    def __init__(self, source: Frames, limit_seconds: float) -> None:
        self._source = source
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self.taken = False
        """True if the plugin has read all of the audio."""
        self._limit_seconds = limit_seconds
        self._seconds = 0.0
        self._error: Exception | None = None
        self._deadline: float | None = None
        self._waiting: asyncio.Timeout | None = None

    async def pass_on(self) -> None:
        """Read the whole source, even if the plugin does not."""
        try:
            async with closing(self._source) as source:
                async for frame in source:
                    self._seconds += frame.seconds
                    self._frames.put_nowait(frame)
        except Exception as error:
            self._error = error
        self._frames.put_nowait(None)
        self._deadline = asyncio.get_running_loop().time() + self._limit_seconds + self._seconds
        if self._waiting:
            self._waiting.reschedule(self._deadline)

    async def frames(self) -> Frames:
        """Yield the frames to the plugin."""
        while (frame := await self._frames.get()) is not None:
            yield frame
        self.taken = True
        if self._error:
            raise self._error

    def is_to_blame(self, error: BaseException) -> bool:
        return error is self._error

    async def in_time(self, answer: Any) -> Any:
        """Await `answer` for as long as the person speaks, and then for as long as the settings allow."""
        async with asyncio.timeout_at(self._deadline) as self._waiting:
            try:
                return await answer
            finally:
                self._waiting = None


async def _within(seconds: float, answer: Any) -> Any:
    async with asyncio.timeout(seconds):
        return await answer


def _checked(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"it gave {type(value).__name__} instead of {kind.__name__}")
    return value


def _decoded(path: Path) -> Frame:
    """Decode the audio file at `path`. Raises VoiceModeError."""
    try:
        with path.open("rb") as file:
            return join(decode_file(file, RATE), RATE)
    except OSError as error:
        raise VoiceModeError(f"{path} cannot be read: {error.strerror}.", hint="Check the path of the audio file.") from error
