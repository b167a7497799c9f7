"""Which speech endpoint answers: preference order, starting the local one on demand, failover."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from voicemode.audio.frames import Frame, Frames, closing
from voicemode.errors import NoProviderError, ProviderError, UnreachableError, VoiceModeError
from voicemode.speech.base import SpeechToText, TextToSpeech, Transcript, Voice
from voicemode.speech.openai_api import TextFormat

T = TypeVar("T")
Kind = Literal["stt", "tts"]
Tell = Callable[[str], None]


class Speech(SpeechToText, TextToSpeech, Protocol):
    """An endpoint that can do both, and transcribe whole files."""

    async def transcribe_file(self, path: Path, *, language: str = "", response_format: TextFormat = "text") -> str: ...

    async def check(self) -> str:
        """What it has, in words. Raises ProviderError if it does not answer as it should."""

    async def warm_up(self, tell: Tell) -> None:
        """Get ready for the first turn, and tell what is done meanwhile. Raises VoiceModeError if that cannot be."""


class OnDemand:
    """An endpoint on this machine whose server is started when nobody answers there."""

    def __init__(
        self, endpoint: Speech, start: Callable[[], Awaitable[object]], wait_ready: Callable[..., Awaitable[object]]
    ) -> None:
        """`start` returns once the server answers, `wait_ready(tell=…)` once its engine is loaded. Raise VoiceModeError."""
        self._endpoint = endpoint
        self._start = start
        self._wait_ready = wait_ready

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        try:
            return await self._endpoint.transcribe(audio, prompt=prompt, language=language)
        except UnreachableError:
            await self._ensure_started()
            return await self._endpoint.transcribe(audio, prompt=prompt, language=language)

    async def transcribe_file(self, path: Path, *, language: str = "", response_format: TextFormat = "text") -> str:
        try:
            return await self._endpoint.transcribe_file(path, language=language, response_format=response_format)
        except UnreachableError:
            await self._ensure_started()
            return await self._endpoint.transcribe_file(path, language=language, response_format=response_format)

    async def check(self) -> str:
        try:
            return await self._endpoint.check()
        except UnreachableError:
            return "is started when it is needed"

    async def warm_up(self, tell: Tell) -> None:
        await self._ensure_started()
        await self._wait_ready(tell=tell)
        await self._endpoint.warm_up(tell)

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        # Nothing can have been heard of an endpoint that was not there: asking again says nothing twice.
        try:
            async with closing(self._endpoint.synthesize(text, voice)) as frames:
                async for frame in frames:
                    yield frame
        except UnreachableError:
            await self._ensure_started()
            async with closing(self._endpoint.synthesize(text, voice)) as frames:
                async for frame in frames:
                    yield frame

    async def _ensure_started(self) -> None:
        try:
            await self._start()
        except VoiceModeError as error:
            raise ProviderError(error.message, transient=False, hint=error.hint) from error


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    """As shown to people: the endpoint's URL."""
    speech: Speech
    kind: Kind


class Providers:
    """Every configured provider behind one SpeechToText and one TextToSpeech. Only ProviderError fails over."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self.providers = list(providers)
        self.spoke = ""
        """Name of the provider that spoke last."""

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        transcript, name = await self._first(lambda stt: stt.transcribe(audio, prompt=prompt, language=language))
        return replace(transcript, provider=name)

    async def transcribe_file(self, path: Path, language: str, response_format: TextFormat) -> tuple[str, str]:
        """Text of an audio file in `response_format`, and the name of the provider that wrote it."""
        return await self._first(lambda stt: stt.transcribe_file(path, language=language, response_format=response_format))

    async def _first(self, ask: Callable[[Speech], Awaitable[T]]) -> tuple[T, str]:
        """The first answer, and the name of who gave it. An empty text is an answer."""
        failures: list[tuple[str, ProviderError]] = []
        for provider in self._of("stt"):
            try:
                return await ask(provider.speech), provider.name
            except ProviderError as error:
                failures.append((provider.name, error))
        raise NoProviderError("transcribe", failures)

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        """Fail over only until the first frame: a sentence is never spoken twice."""
        failures: list[tuple[str, ProviderError]] = []
        for provider in self._of("tts"):
            spoken = False
            try:
                async with closing(provider.speech.synthesize(text, voice)) as frames:
                    async for frame in frames:
                        self.spoke, spoken = provider.name, True
                        yield frame
            except ProviderError as error:
                if spoken:
                    raise
                failures.append((provider.name, error))
            else:
                return
        raise NoProviderError("speak", failures)

    async def warm_up(self, kind: Kind, tell: Tell) -> None:
        """Get the first of a kind ready: the one that the next turn will ask. Raises VoiceModeError."""
        await self._of(kind)[0].speech.warm_up(tell)

    def _of(self, kind: Kind) -> list[Provider]:
        return [provider for provider in self.providers if provider.kind == kind]
