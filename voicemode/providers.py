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

    def __init__(self, endpoint: Speech, server: "Server") -> None:
        self._endpoint = endpoint
        self._server = server

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        return await self._answer(lambda: self._endpoint.transcribe(audio, prompt=prompt, language=language))

    async def transcribe_file(self, path: Path, *, language: str = "", response_format: TextFormat = "text") -> str:
        def ask() -> Awaitable[str]:
            return self._endpoint.transcribe_file(path, language=language, response_format=response_format)

        return await self._answer(ask)

    async def check(self) -> str:
        try:
            return await self._endpoint.check()
        except UnreachableError:
            if self._server.installed:
                return "is started when it is needed"
            raise

    async def warm_up(self, tell: Tell) -> None:
        await self._server.start()
        await self._server.wait_ready(tell)
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
        except ProviderError as error:
            raise await self._explained(error) from error

    async def _answer(self, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            return await ask()
        except UnreachableError:
            await self._ensure_started()
            return await ask()
        except ProviderError as error:
            raise await self._explained(error) from error

    async def _ensure_started(self) -> None:
        try:
            await self._server.start()
        except VoiceModeError as error:
            raise ProviderError(error.message, transient=False, hint=error.hint) from error

    async def _explained(self, error: ProviderError) -> ProviderError:
        """`error`, and who it is that refuses, if that is not our server."""
        if not error.transient:
            try:
                await self._server.start()
            except VoiceModeError as stranger:
                return ProviderError(error.message, transient=False, hint=f"{stranger} {error.hint}")
        return error


class Server(Protocol):
    """The server behind a local endpoint. All of it raises VoiceModeError."""

    @property
    def installed(self) -> bool:
        """Whether it could be started."""

    async def start(self) -> None:
        """Return once it answers; start it if it does not."""

    async def wait_ready(self, tell: Tell) -> object:
        """Return once its engine is loaded, telling what that takes."""


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
