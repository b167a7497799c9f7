"""An endpoint on this machine whose server is started on demand."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeVar

from voicemode.audio.frames import Frame, Frames, closing
from voicemode.errors import ProviderError, UnreachableError, VoiceModeError
from voicemode.progress import Report
from voicemode.speech.base import FileProgress, Offer, Synthesizer, TextFormat, Transcriber, Transcript, Voice
from voicemode.speech.speculative import at_the_end

T = TypeVar("T")


class Speech(Transcriber, Synthesizer, Protocol):
    """An endpoint for both speech-to-text and text-to-speech."""


class OnDemandServer(Protocol):
    """The server behind a local endpoint. Every method can raise VoiceModeError."""

    @property
    def installed(self) -> bool:
        """True if the server can be started."""

    async def start(self) -> None:
        """Return once the server answers; start it if it does not run."""

    async def wait_ready(self, report: Report) -> object:
        """Return once the engine is loaded; report progress meanwhile."""


class OnDemand:
    """A Transcriber and Synthesizer whose server is started when it is unreachable."""

    streams = False

    def __init__(self, endpoint: Speech, server: OnDemandServer) -> None:
        self._endpoint = endpoint
        self._server = server

    @property
    def offer(self) -> Offer:
        return self._endpoint.offer

    @property
    def format(self) -> str:
        return self._endpoint.format

    async def learn(self) -> None:
        await self._endpoint.learn()

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        return await self._answer(lambda: self._endpoint.transcribe(audio, prompt=prompt, language=language))

    def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        return at_the_end(self, frames, prompt=prompt, language=language)

    async def transcribe_file(
        self, path: Path, *, language: str = "", response_format: TextFormat = "text", progress: FileProgress | None = None
    ) -> str:
        def ask() -> Awaitable[str]:
            return self._endpoint.transcribe_file(path, language=language, response_format=response_format, progress=progress)

        return await self._answer(ask)

    async def check(self) -> str:
        try:
            return await self._endpoint.check()
        except UnreachableError:
            if self._server.installed:
                return "is started when it is needed"
            raise

    async def warm_up(self, report: Report) -> None:
        await self._server.start()
        await self._server.wait_ready(report)
        await self._endpoint.warm_up(report)

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        # An unreachable endpoint cannot have sent any audio: a retry repeats nothing.
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
        """Return `error`, with the name of the program that answers in place of our server, if one does."""
        if not error.transient:
            try:
                await self._server.start()
            except VoiceModeError as stranger:
                return ProviderError(f"{stranger.message} {error.message}", transient=False, hint=stranger.hint)
        return error
