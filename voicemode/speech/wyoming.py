"""Speech-to-text over the Wyoming protocol of Home Assistant's voice servers: events over TCP.

The audio is sent while the person speaks. Some servers stream the transcript back meanwhile, others send it at the end.
Needs the package `wyoming`; without it, a ConfigError says so.

    wyoming://127.0.0.1:10300
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from voicemode.audio.frames import SAMPLE_BYTES, Frame, Frames, closing, stream
from voicemode.config import Settings
from voicemode.config.installer import to_install
from voicemode.config.urls import Address
from voicemode.errors import ConfigError, ProviderError, Remedy, UnreachableError, UnsuitableError
from voicemode.progress import Report
from voicemode.speech.base import Listed, Offer, Transcript
from voicemode.speech.plugin import Plugin
from voicemode.tasks import ended

if TYPE_CHECKING:
    from wyoming.event import Event

T = TypeVar("T")

EVENT_BYTES = 1024 * 1024
"""Largest event that is accepted: no transcript is longer."""
QUOTE_CHARS = 200
HINT = Remedy("Check that it runs and that its URL is right", "voicemode providers --check")


@asynccontextmanager
async def connected(
    name: str, address: tuple[str, int], connect_seconds: float, write_seconds: float
) -> AsyncIterator["WyomingConnection"]:
    """Open a connection to the server at `address`, called `name`; it is always closed on leaving.

    Raises ProviderError; UnreachableError if nothing listens. `write_seconds` is the timeout for a write.
    """
    loop = asyncio.get_running_loop()
    reader = BoundedReader(EVENT_BYTES, loop)
    try:
        async with asyncio.timeout(connect_seconds):
            transport, protocol = await loop.create_connection(
                lambda: asyncio.StreamReaderProtocol(reader, loop=loop), *address
            )
    except TimeoutError as error:
        raise ProviderError(f"{name} did not accept a connection in time.", transient=True, hint=HINT) from error
    except OSError as error:
        raise UnreachableError(f"{name} is not reachable ({error}).", transient=True, hint=HINT) from error
    try:
        yield WyomingConnection(name, reader, asyncio.StreamWriter(transport, protocol, reader, loop), write_seconds)
    finally:
        # Not `close`, which would wait until a server that reads nothing has read everything.
        transport.abort()


class BoundedReader(asyncio.StreamReader):
    """A reader that rejects implausible lengths."""

    async def readexactly(self, n: int) -> bytes:
        """Read `n` bytes. Raises ValueError for an implausible length."""
        if not 0 <= n <= EVENT_BYTES:
            raise ValueError(f"an event of {n} bytes")
        return await super().readexactly(n)


class WyomingConnection:
    """Events to and from one server. Raises nothing but ProviderError."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, write_seconds: float) -> None:
        self._name = name
        self._reader = reader
        self._writer = writer
        self._write_seconds = write_seconds

    async def write(self, kind: str, data: dict[str, Any], payload: bytes | None = None) -> None:
        from wyoming.event import Event, async_write_event

        await self.in_time(async_write_event(Event(kind, data, payload), self._writer), self._write_seconds)

    async def read(self) -> "Event":
        """Return the next event; no timeout."""
        from wyoming.event import async_read_event

        with self._translated():
            event = await async_read_event(self._reader)
        if event is None and self._reader.at_eof():
            raise ProviderError(f"{self._name} hung up before it had answered.", transient=True)
        if event is None or not isinstance(event.data, dict):
            raise self._nonsense()
        if event.type == "error":
            raise ProviderError(f"{self._name} failed: {' '.join(text_of(event).split())[:QUOTE_CHARS]}", transient=True)
        return event

    async def in_time(self, answer: Awaitable[T], limit_seconds: float) -> T:
        with self._translated():
            async with asyncio.timeout(limit_seconds):
                return await answer

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise ProviderError(f"{self._name} did not answer in time.", transient=True, hint=HINT) from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise ProviderError(f"{self._name} broke off the connection.", transient=True) from error
        # The package takes for granted that an event is a dict with the right items, and that its JSON is not deeply nested.
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise self._nonsense() from error

    def _nonsense(self) -> ProviderError:
        return ProviderError(f"{self._name} does not speak Wyoming.", transient=False, hint="Check its port.")


def text_of(event: "Event") -> str:
    """Return the text of a transcript, of a part of one, or of an error."""
    text = event.data.get("text")
    return text if isinstance(text, str) else ""


PORT = 10_300
"""Default port of these servers."""
CHUNK_SECONDS = 0.5
"""Longest piece of audio that is sent as one event."""
LOOKUP_SECONDS = 1.0
DISCOVER_SECONDS = 0.25
LAST_WORDS_SECONDS = 0.5
"""Timeout for the error message of a server that accepts no more audio."""


@dataclass(frozen=True, slots=True)
class WyomingProgram:
    """The speech recognition that a server offers."""

    models: Listed = None
    languages: Listed = None
    """ISO 639-1 codes."""
    streams: bool = False
    """True if it transcribes while the person speaks."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Audio that has been sent completely."""

    seconds: float
    """Length of the audio."""
    at: float
    """Time at which the last of the audio was sent, by the clock of the event loop."""


class Wyoming:
    """A SpeechToText at one server; each utterance has its own connection, as the protocol requires."""

    streams = True
    format = "pcm"

    def __init__(self, settings: Settings, url: str) -> None:
        """Raises ConfigError if the package is missing."""
        if not find_spec("wyoming"):
            raise ConfigError("Wyoming servers need a package.", hint=to_install(extra="wyoming"))
        self._settings = settings
        self._url = url
        self._program = WyomingProgram()

    @property
    def offer(self) -> Offer:
        return Offer(models=self._program.models, languages=self._program.languages)

    async def learn(self) -> None:
        if self._program == WyomingProgram():
            with suppress(ProviderError):
                self._program = await self._describe(LOOKUP_SECONDS)

    async def check(self) -> str:
        """Describe the server. Raises ProviderError."""
        self._program = program = await self._describe(self._settings.first_byte_timeout)
        when = "while you speak" if program.streams else "when you have finished"
        return f"answers; transcribes {when}; models: {', '.join((program.models or ('not named',))[:4])}"

    async def warm_up(self, _report: Report) -> None:
        await self.learn()

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        """Transcribe `audio`. Raises ProviderError."""
        async with closing(self.transcripts(stream(audio), prompt=prompt, language=language)) as transcripts:
            return [transcript async for transcript in transcripts][-1]

    async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        """Yield the text so far each time it grows, and all of it at the end. Raises ProviderError."""
        async with self._connected() as line:
            sending = asyncio.create_task(_send(line, frames, prompt, language))
            try:
                text = ""
                while (event := await self._next(line, sending)).type != "transcript":
                    if event.type == "transcript-chunk":
                        text += text_of(event)
                        yield Transcript(text.strip(), final=False)
                yield Transcript(text_of(event).strip(), iso_639_1(event.data.get("language")))
            finally:
                await ended(sending)

    async def _next(self, line: WyomingConnection, sending: "asyncio.Task[Sent]") -> "Event":
        """Return the next event; wait for as long as the person speaks, and then for as long as the settings allow."""
        reading = asyncio.create_task(line.read())
        try:
            await asyncio.wait([reading, sending], return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                return reading.result()
            try:
                limit = self._limit(sending.result())
            except ProviderError:
                with suppress(ProviderError):
                    return await line.in_time(reading, LAST_WORDS_SECONDS)
                raise
            return await line.in_time(reading, limit)
        finally:
            await ended(reading)

    def _limit(self, sent: Sent) -> float:
        """Return the timeout for the next event: each has that of a first byte, all together that of a whole response."""
        left = sent.at + self._settings.answer_timeout - asyncio.get_running_loop().time()
        return min(left, self._settings.first_byte_timeout) + sent.seconds

    async def _describe(self, limit_seconds: float) -> WyomingProgram:
        """Ask the server to describe itself. Raises ProviderError."""
        async with self._connected() as line:
            return understand(await line.in_time(_info(line), limit_seconds))

    def _connected(self) -> AbstractAsyncContextManager[WyomingConnection]:
        address, settings = Address.parse(self._url), self._settings
        limit = settings.connect_timeout_local if address.is_here else settings.connect_timeout
        return connected(self._url, (address.host, address.port or PORT), limit, settings.idle_timeout)


async def _send(line: WyomingConnection, frames: Frames, prompt: str, language: str) -> Sent:
    """Send all of the audio. Raises ProviderError, and any exception of `frames`."""
    request = {"language": language, "transcript_terms": [term.strip() for term in prompt.split(",") if term.strip()]}
    # Empty fields are left out: older servers do not know all of them.
    await line.write("transcribe", {name: value for name, value in request.items() if value})
    seconds = 0.0
    async with closing(frames):
        async for frame in frames:
            about = {"rate": frame.rate, "width": SAMPLE_BYTES, "channels": 1}
            if not seconds:
                await line.write("audio-start", about)
            for piece in _pieces(frame):
                await line.write("audio-chunk", about, piece)
            seconds += frame.seconds
    await line.write("audio-stop", {})
    return Sent(seconds, asyncio.get_running_loop().time())


def _pieces(frame: Frame) -> Iterator[bytes]:
    size = round(frame.rate * CHUNK_SECONDS) * SAMPLE_BYTES
    for start in range(0, len(frame.pcm), size):
        yield frame.pcm[start : start + size]


async def _info(line: WyomingConnection) -> dict[str, Any]:
    await line.write("describe", {})
    while (event := await line.read()).type != "info":
        pass
    return event.data


def understand(info: dict[str, Any]) -> WyomingProgram:
    """Parse the speech recognition of an `info` event. Raises UnsuitableError if the server has none."""
    programs = _dicts(info.get("asr"))
    if not programs:
        raise UnsuitableError("This Wyoming server does not understand speech.", hint="It may speak, or listen for a name.")
    models = [model for program in programs for model in _dicts(program.get("models")) if model.get("installed", True)]
    names = [model["name"] for model in models if isinstance(model.get("name"), str)]
    codes = [code for model in models for code in _list(model.get("languages"))]
    languages = dict.fromkeys(language for code in codes if (language := iso_639_1(code)))
    streams = any(program.get("supports_transcript_streaming") is True for program in programs)
    return WyomingProgram(tuple(names) or None, tuple(languages) or None, streams)


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def iso_639_1(code: object) -> str:
    """Return `en` for "en_US"; empty if invalid. Three letters are accepted: some languages have no shorter code."""
    language = code.replace("-", "_").partition("_")[0].lower() if isinstance(code, str) else ""
    return language if len(language) in (2, 3) and language.isascii() and language.isalpha() else ""


async def discover(settings: Settings, port: int = PORT, limit_seconds: float = DISCOVER_SECONDS) -> Sequence[str]:
    """Return the URL of the server on this machine that transcribes speech, if there is one."""
    url = f"wyoming://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(limit_seconds):
            await Wyoming(settings, url).check()
    except (ProviderError, ConfigError, TimeoutError):
        return ()
    return (url,)


PROVIDER = Plugin(name="wyoming", kind="stt", build=Wyoming, discover=discover)
