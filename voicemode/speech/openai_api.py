"""Speech over HTTP: any endpoint that speaks OpenAI's audio API.

Only ever raises ProviderError (UnreachableError where nothing listens), whatever goes wrong on the way. No redirect is
followed: it could carry a key or a voice to somebody else.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from voicemode import __version__
from voicemode.audio.codec import CONTENT_TYPES, decode_stream, wav_bytes
from voicemode.audio.frames import Frame, Frames, closing
from voicemode.config import Settings
from voicemode.errors import ProviderError, UnreachableError, UnsupportedAudioError, VoiceModeError
from voicemode.speech.base import Transcript, Voice
from voicemode.speech.catalogue import (
    OPENAI_VOICES,
    Listed,
    choose_stt_model,
    choose_tts_model,
    choose_voice,
    follows_instructions,
    names,
)
from voicemode.speech.endpoint import Endpoint, quote, refusal

if TYPE_CHECKING:
    import httpx2

__all__ = ["Endpoint", "SpeechClient", "TextFormat", "open_http"]

log = logging.getLogger(__name__)

TextFormat = Literal["json", "text", "srt", "vtt", "verbose_json"]

PCM_RATE = 24_000
"""Samples per second of raw PCM from a server that does not say."""
LOOKUP_SECONDS = 1.0
"""A list of voices or models that takes longer is not worth waiting for in a turn."""
LOOKUP_AGAIN_SECONDS = 60.0
"""How long a server that was too slow with a list is not asked for it again."""
FILE_READ_SECONDS = 3600.0
"""Silence allowed while a file is transcribed: an hour of audio takes a slow engine that long."""
IDLE_CONNECTION_SECONDS = 60.0
"""How long a connection is kept for the next turn."""
ERROR_BYTES = 64 * 1024
"""An error text is not read beyond this."""
LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")
_SPELLINGS = {"audio/mp3": "mp3", "audio/x-wav": "wav", "audio/wave": "wav", "audio/vnd.wave": "wav", "audio/opus": "opus"}
_SPELLINGS |= {"audio/x-flac": "flac", "audio/aacp": "aac", "audio/l16": "pcm", "audio/raw": "pcm"}


@asynccontextmanager
async def open_http() -> AsyncIterator["httpx2.AsyncClient"]:
    """The one pool of connections that all endpoints share."""
    # Importing the library and reading the certificates takes a fifth of a second.
    async with await asyncio.to_thread(_build_http) as http:
        yield http


def _build_http() -> "httpx2.AsyncClient":
    import httpx2

    return httpx2.AsyncClient(
        # A proxy of the environment is honoured, but never sees what this machine says to itself.
        mounts=dict.fromkeys(LOOPBACK),
        headers={"User-Agent": f"voicemode/{__version__}"},
        limits=httpx2.Limits(keepalive_expiry=IDLE_CONNECTION_SECONDS),
    )


class SpeechClient:
    """A SpeechToText and TextToSpeech at one endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        http: "httpx2.AsyncClient",
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoint = endpoint
        self._http = http
        self._settings = settings
        self._clock = clock
        self._lists: dict[str, Listed] = {}
        self._not_before: dict[str, float] = {}
        """When a list that was too slow may be asked for again."""
        self._missed: set[str] = set()

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        """What was said in `audio`. Raises ProviderError."""
        fields = await self._transcription_fields("json", prompt, language)
        async with self._answer("POST", "audio/transcriptions", data=fields, files={"file": _as_upload(audio)}) as response:
            return self._transcript(await response.aread())

    async def transcribe_file(self, path: Path, *, language: str = "", response_format: TextFormat = "text") -> str:
        """The text of an audio file of any format the endpoint reads, as it words it. Raises ProviderError."""
        fields = await self._transcription_fields(response_format, self._settings.stt_prompt, language)
        with await asyncio.to_thread(_open_file, path) as file:
            upload = _form(fields, path.name, file) | {"timeout": self._timeout(FILE_READ_SECONDS)}
            async with self._answer("POST", "audio/transcriptions", **upload) as response:
                body = await response.aread()
        if response_format == "text" and "json" in response.headers.get("content-type", ""):
            return self._transcript(body).text
        return body.decode("utf-8", "replace").strip()

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        """`text`, spoken; frames as the bytes arrive. Raises ProviderError, also after frames were yielded."""
        request = await self._speech_request(text, voice)
        async with self._answer("POST", "audio/speech", json=request) as response:
            encoding, rate = await self._audio_type(response)
            heard = False
            async with closing(decode_stream(response.aiter_bytes(), encoding, rate)) as frames:
                async for frame in frames:
                    heard = True
                    yield frame
            if not heard:
                raise ProviderError(f"{self.endpoint} answered with no audio.", transient=True)

    async def voices(self) -> Listed:
        """Voices the endpoint names, None if it does not say. Asked for until it answers; a failure is None."""
        return OPENAI_VOICES if self.endpoint.is_openai else await self._list("audio/voices")

    async def models(self) -> Listed:
        """Models the endpoint names, None if it does not say. Asked for until it answers; a failure is None."""
        return await self._list("models")

    async def check(self) -> str:
        """How many models it names, as words for a person. Raises ProviderError if it does not answer as it should."""
        async with self._answer("GET", "models") as response:
            body = await response.aread()
        if (answer := _parsed(body)) is None:
            raise self._nonsense("a list of models", body)
        found = names(answer)
        return f"answers; models: {', '.join(found[:4])}" if found else "answers"

    async def warm_up(self, _tell: Callable[[str], None]) -> None:
        """Open a connection and learn what there is, so that the first turn need not. Never fails."""
        await asyncio.gather(self.voices(), self.models())

    async def _list(self, path: str) -> Listed:
        if path in self._lists:
            return self._lists[path]
        if self._clock() < self._not_before.get(path, 0.0):
            return None
        found: Listed = None
        try:
            async with asyncio.timeout(LOOKUP_SECONDS), self._answer("GET", path) as response:
                found = names(_parsed(await response.aread()))
        except TimeoutError:
            # Slow once may be quick the next time; but one that always hangs must not hold up every turn.
            self._not_before[path] = self._clock() + LOOKUP_AGAIN_SECONDS
            return None
        except ProviderError as error:
            if error.transient:
                # The server may only be starting: the next turn asks again.
                return None
        if found is None:
            log.debug("%s has no usable list of %s", self.endpoint, path)
        self._lists[path] = found
        return found

    async def _speech_request(self, text: str, voice: Voice) -> dict[str, object]:
        voices, models = await asyncio.gather(self.voices(), self.models())
        name = choose_voice(voice.name, self._settings.voices, voices)
        if voice.name not in {"", name} | self._missed:
            self._missed.add(voice.name)
            log.warning("%s has no voice %r; %r speaks instead.", self.endpoint, voice.name, name)
        model = choose_tts_model(self._settings.tts_models, models, Voice(name, instructions=voice.instructions))
        request: dict[str, object] = {"model": model, "input": text, "response_format": self._settings.tts_audio_format}
        if name:
            request["voice"] = name
        if voice.speed != 1:
            request["speed"] = voice.speed
        if voice.instructions and follows_instructions(model):
            request["instructions"] = voice.instructions
        return request

    async def _transcription_fields(self, response_format: TextFormat, prompt: str, language: str) -> dict[str, str]:
        model = choose_stt_model(self._settings.stt_model, await self.models())
        fields = {"model": model, "response_format": response_format, "prompt": prompt, "language": language}
        return {name: value for name, value in fields.items() if value}

    def _transcript(self, body: bytes) -> Transcript:
        answer = _parsed(body)
        if not isinstance(answer, dict) or not isinstance(answer.get("text"), str):
            raise self._nonsense("a transcript", body)
        language = answer.get("language")
        # Some servers give the language's English name, which is not what the contract says.
        return Transcript(answer["text"].strip(), language if isinstance(language, str) and len(language) == 2 else "")

    async def _audio_type(self, response: "httpx2.Response") -> tuple[str, int]:
        """Format and, for PCM, rate of the audio that is coming, from what the server says it is."""
        wanted = self._settings.tts_audio_format
        kind, _, parameters = response.headers.get("content-type", "").lower().partition(";")
        if kind.startswith("text/") or "json" in kind:
            raise self._nonsense("audio", await _beginning(response))
        known = {mime: encoding for encoding, mime in CONTENT_TYPES.items()} | _SPELLINGS
        rate = parameters.partition("rate=")[2].partition(";")[0].strip()
        return known.get(kind.strip(), wanted), int(rate) if rate.isdecimal() and int(rate) else PCM_RATE

    def _nonsense(self, wanted: str, body: bytes) -> ProviderError:
        return ProviderError(
            f"{self.endpoint} answered with something else than {wanted}: {quote(self.endpoint, body)}",
            transient=False,
            hint="Check that its base URL is that of an OpenAI-compatible speech API.",
        )

    @asynccontextmanager
    async def _answer(self, method: str, path: str, **content: Any) -> AsyncIterator["httpx2.Response"]:
        """A successful answer whose body is still to be read; leaving early hangs up. Raises ProviderError."""
        content = {"timeout": self._timeout(self._settings.read_timeout)} | content
        with translated(self.endpoint):
            response = await self._send(method, path, content)
            try:
                if not response.is_success:
                    raise refusal(self.endpoint, response.status_code, response.headers, await _beginning(response))
                yield response
            finally:
                await response.aclose()

    async def _send(self, method: str, path: str, content: Mapping[str, Any]) -> "httpx2.Response":
        import httpx2

        key = self.endpoint.api_key
        request = self._http.build_request(method, self.endpoint.at(path), **content)
        if key:
            request.headers["Authorization"] = f"Bearer {key}"
        try:
            return await self._http.send(request, stream=True, follow_redirects=False)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
            # A kept connection can be closed by the server just as we use it again; a new one tells whether it is there.
            return await self._http.send(request, stream=True, follow_redirects=False)

    def _timeout(self, read_seconds: float) -> "httpx2.Timeout":
        import httpx2

        connect_seconds = self._settings.connect_timeout
        return httpx2.Timeout(read_seconds, connect=connect_seconds, pool=connect_seconds)


def _as_upload(audio: Frame) -> tuple[str, bytes, str]:
    return "speech.wav", wav_bytes(audio), "audio/wav"


def _open_file(path: Path) -> BinaryIO:
    """Raises VoiceModeError."""
    try:
        return path.open("rb")
    except OSError as error:
        raise VoiceModeError(f"{path} cannot be read: {error.strerror}.", hint="Check the path of the audio file.") from error


def _form(fields: Mapping[str, str], name: str, file: BinaryIO) -> dict[str, Any]:
    """A form with a file as a request's content: the library's, but read in a thread, for it reads where it sends."""
    import httpx2

    form = httpx2.Request("POST", "http://form", data=fields, files={"file": (name, file, "application/octet-stream")})
    headers = {header: value for header, value in form.headers.items() if header != "host"}
    return {"content": _ReadInThread(cast("httpx2.SyncByteStream", form.stream)), "headers": headers}


class _ReadInThread:
    """Blocks of bytes that may take long to read. Starts over each time it is iterated."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        blocks = iter(self._blocks)
        while (block := await asyncio.to_thread(next, blocks, None)) is not None:
            yield block


def _parsed(body: bytes) -> object:
    """What is said in JSON; None if it is something else."""
    try:
        return json.loads(body)
    except ValueError:
        return None


async def _beginning(response: "httpx2.Response") -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= ERROR_BYTES:
            break
    return body


@contextmanager
def translated(endpoint: Endpoint) -> Iterator[None]:
    """Turns whatever goes wrong on the wire or in the audio into a ProviderError."""
    import httpx2

    try:
        yield
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as error:
        raise _wire_error(endpoint, error) from error
    except UnsupportedAudioError as error:
        raise ProviderError(f"{endpoint}: {error.message}", transient=False, hint=error.hint) from error


def _wire_error(endpoint: Endpoint, error: Exception) -> ProviderError:
    import httpx2

    match error:
        case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            return ProviderError(f"{endpoint} did not accept a connection in time.", transient=True, hint=_REACH_HINT)
        case httpx2.ConnectError():
            return UnreachableError(f"{endpoint} is not reachable ({error}).", transient=True, hint=_REACH_HINT)
        case httpx2.TimeoutException():
            return ProviderError(f"{endpoint} stopped answering.", transient=True, hint=_SLOW_HINT)
        case httpx2.NetworkError() | httpx2.RemoteProtocolError() | httpx2.DecodingError():
            return ProviderError(f"{endpoint} broke off its answer.", transient=True)
        case httpx2.ProxyError():
            return ProviderError(f"The proxy on the way to {endpoint} failed.", transient=True, hint="Check HTTPS_PROXY.")
        case _:
            # The library's text may quote headers, and with them the key.
            return ProviderError(f"{endpoint} could not be asked ({type(error).__name__}).", transient=False)


_REACH_HINT = "Check that it runs and that its URL is right: voicemode doctor"
_SLOW_HINT = "If it only is slow, raise VOICEMODE_READ_TIMEOUT."
