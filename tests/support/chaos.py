"""A speech server on real sockets that fails on command, and counts what reached it.

    async with chaos() as server:
        await server.become(Fault.HANGS_MIDWAY)
        ...
        assert server.spoken["Hello."] == 1

Its speech is decodable: `sentences_in` reads the sentences from the audio. Nothing here waits, except to test the
timeouts of a client.
"""

import asyncio
import json
import ssl
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

from tests.support.endpoints import FakeEndpoint, HangUp, Reply, Request, answers, endpoint, head
from voicemode.audio.frames import Frame, pcm_of, samples_of
from voicemode.audio.wav import wav_bytes

RATE = 24_000
BEGIN, END = 30_000, 30_001
"""Samples that mark a sentence; no letter is as loud."""
DRIP_SECONDS = 0.1


class Fault(Enum):
    """Faults of a server."""

    NONE = auto()
    REFUSES = auto()
    """Nothing listens."""
    HANGS = auto()
    """Hangs before the header."""
    HANGS_MIDWAY = auto()
    DRIPS = auto()
    """Sends a byte now and then."""
    DRIPS_HEADER = auto()
    CLOSES = auto()
    """Closes the connection without a response."""
    RESETS = auto()
    RESETS_MIDWAY = auto()
    TRUNCATES = auto()
    """Sends half of the body, then closes."""
    CLAIMS_MORE = auto()
    """Sends a Content-Length that is too large, then closes."""
    CLAIMS_LESS = auto()
    """Sends a Content-Length that is too small."""
    HTML = auto()
    ODD = auto()
    """Splits audio within samples, which a client must tolerate."""
    UNAUTHORISED = auto()
    BUSY = auto()
    BUSY_FOR_A_WHILE = auto()
    """429 with Retry-After."""
    BROKEN = auto()
    UNAVAILABLE = auto()
    REDIRECTS = auto()


HARMLESS = frozenset({Fault.NONE, Fault.ODD})
"""Faults with which a client still gets its response."""
SLOW = frozenset({Fault.HANGS, Fault.HANGS_MIDWAY, Fault.DRIPS, Fault.DRIPS_HEADER})
"""Faults that last until a timeout of the client."""
RETRY_AFTER_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Content:
    """Response of a healthy server."""

    kind: str
    body: bytes

    @property
    def half(self) -> bytes:
        return self.body[: len(self.body) // 2]

    def head(self, length: int | None = None) -> bytes:
        return head(200, {"Content-Type": self.kind, "Content-Length": str(len(self.body) if length is None else length)})


@dataclass(slots=True)
class Chaos:
    server: FakeEndpoint
    text: str
    """Transcript of all audio."""
    elsewhere: str
    """Target of redirects."""
    letter_samples: int
    fault: Fault = Fault.NONE
    lists_too: bool = False
    """True if the lists of models and voices fail as well."""
    asked: Counter[str] = field(default_factory=Counter)
    """Requests by path."""
    keys: set[str] = field(default_factory=set)
    """Keys received."""
    spoken: Counter[str] = field(default_factory=Counter)
    """Sentences whose audio was sent completely."""

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def connections(self) -> int:
        """Number of connections accepted so far."""
        return self.server.connections

    async def become(self, fault: Fault) -> None:
        """Fail with `fault` from now on."""
        if (fault is Fault.REFUSES) != (self.fault is Fault.REFUSES):
            await (self.server.stop() if fault is Fault.REFUSES else self.server.listen())
        self.fault = fault

    async def behave(self, request: Request, reply: Reply) -> None:
        # The records must not grow during a soak test.
        self.server.requests.clear()
        path = request.path.removeprefix("/v1/")
        self.asked[path] += 1
        if key := request.headers.get("authorization"):
            self.keys.add(key.removeprefix("Bearer "))
        content = self._content(path, request)
        if path in {"audio/speech", "audio/transcriptions"} or self.lists_too:
            await self._answer(content, reply)
        else:
            await reply.raw(content.head() + content.body)
        if path == "audio/speech" and self.fault in HARMLESS:
            self.spoken[request.json["input"]] += 1

    def _content(self, path: str, request: Request) -> Content:
        if path == "audio/speech":
            return sound(request.json["input"], request.json["response_format"], self.letter_samples)
        said = {
            "audio/transcriptions": {"text": self.text},
            "audio/voices": {"voices": ["af_sky"]},
            "models": {"data": [{"id": "tts-1"}, {"id": "whisper-1"}]},
        }
        return Content("application/json", json.dumps(said[path]).encode())

    async def _answer(self, content: Content, reply: Reply) -> None:
        if self.fault is Fault.REDIRECTS:
            await answers(307, "", location=f"{self.elsewhere}/audio/speech")(Request("", "", {}, b""), reply)
        elif self.fault in STATUSES:
            await reply.send(*STATUSES[self.fault])
        else:
            await DELIVERIES[self.fault](content, reply)


def sound(text: str, audio_format: str, letter_samples: int) -> Content:
    pcm = voice_of(text, letter_samples)
    if audio_format == "pcm":
        return Content("audio/pcm", pcm)
    return Content("audio/wav", wav_bytes(Frame(pcm, RATE)))


def voice_of(text: str, letter_samples: int = 1) -> bytes:
    """Return PCM from which `sentences_in` reads `text`."""
    letters = [ord(letter) for letter in text for _ in range(letter_samples)]
    return pcm_of(array("h", [BEGIN, *letters, END]))


def sentences_in(pcm: bytes, letter_samples: int = 1) -> list[str]:
    """Return the sentences that begin in `pcm`; an unfinished one ends in an ellipsis."""
    found: list[str] = []
    for part in "".join(map(chr, (value % 65_536 for value in samples_of(pcm)))).split(chr(BEGIN))[1:]:
        letters, end, _ = part.partition(chr(END))
        found.append(letters[::letter_samples] + ("" if end else "…"))
    return found


STATUSES = {
    Fault.UNAUTHORISED: (401, b'{"error": "Incorrect API key"}', {}),
    Fault.BUSY: (429, b'{"error": "Slow down"}', {}),
    Fault.BUSY_FOR_A_WHILE: (429, b'{"error": "Slow down"}', {"Retry-After": str(RETRY_AFTER_SECONDS)}),
    Fault.BROKEN: (500, b'{"error": "It broke"}', {}),
    Fault.UNAVAILABLE: (503, b'{"error": "Loading"}', {}),
    Fault.HTML: (200, b"<!doctype html><title>Sign in</title>", {"Content-Type": "text/html"}),
}


async def _well(content: Content, reply: Reply) -> None:
    await reply.raw(content.head() + content.body)


async def _hang(_: Content, __: Reply) -> None:
    await asyncio.Event().wait()


async def _hang_midway(content: Content, reply: Reply) -> None:
    await reply.raw(content.head() + content.half)
    await asyncio.Event().wait()


async def _drip(content: Content, reply: Reply) -> None:
    await reply.raw(content.head())
    for byte in content.body:
        await reply.raw(bytes([byte]))
        await asyncio.sleep(DRIP_SECONDS)


async def _drip_header(content: Content, reply: Reply) -> None:
    for byte in content.head() + content.body:
        await reply.raw(bytes([byte]))
        await asyncio.sleep(DRIP_SECONDS)


async def _close(_: Content, __: Reply) -> None:
    raise HangUp


async def _reset(_: Content, reply: Reply) -> None:
    reply.reset()
    raise HangUp


async def _reset_midway(content: Content, reply: Reply) -> None:
    await reply.raw(content.head() + content.half)
    reply.reset()
    raise HangUp


async def _truncate(content: Content, reply: Reply) -> None:
    await reply.start(content.kind)
    await reply.chunk(content.half)
    raise HangUp


async def _claim_more(content: Content, reply: Reply) -> None:
    await reply.raw(content.head(len(content.body) + 100) + content.body)
    raise HangUp


async def _claim_less(content: Content, reply: Reply) -> None:
    await reply.raw(content.head(len(content.half)) + content.body)


async def _odd(content: Content, reply: Reply) -> None:
    await reply.start(content.kind)
    for at in range(0, len(content.body), 701):
        await reply.chunk(content.body[at : at + 701])
        await asyncio.sleep(0)
    await reply.end()


DELIVERIES: dict[Fault, Callable[[Content, Reply], Awaitable[None]]] = {
    Fault.NONE: _well,
    Fault.HANGS: _hang,
    Fault.HANGS_MIDWAY: _hang_midway,
    Fault.DRIPS: _drip,
    Fault.DRIPS_HEADER: _drip_header,
    Fault.CLOSES: _close,
    Fault.RESETS: _reset,
    Fault.RESETS_MIDWAY: _reset_midway,
    Fault.TRUNCATES: _truncate,
    Fault.CLAIMS_MORE: _claim_more,
    Fault.CLAIMS_LESS: _claim_less,
    Fault.ODD: _odd,
}


@asynccontextmanager
async def chaos(
    *, text: str = "hello", elsewhere: str = "", letter_samples: int = 1, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Chaos]:
    """Yield a server that is healthy until a fault is set.

    Args:
        text: Transcript of all audio.
        elsewhere: Base URL to which a redirecting server redirects.
        letter_samples: Length of a letter, at 24,000 samples per second.
        tls: Certificate and key, to serve TLS.
    """
    async with endpoint(answers(500, "not yet"), tls=tls) as server:
        told = Chaos(server, text, elsewhere, letter_samples)
        server.behaviour = told.behave
        yield told
