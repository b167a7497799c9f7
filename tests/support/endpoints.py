"""A real HTTP server on a real socket that misbehaves on command, to test the speech client and its users.

    async with endpoint(routes({"/v1/audio/speech": speaks(pcm)})) as server:
        client = SpeechClient(Endpoint(server.url), http, Settings())
        ...
        assert server.requests[-1].json["voice"] == "alloy"

A behaviour is a coroutine function of a `Request` and a `Reply`. When it returns, the response is complete.
"""

import asyncio
import email
import email.policy
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    """Headers, with names in lower case."""
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        answer = json.loads(self.body)
        assert isinstance(answer, dict)
        return answer

    @property
    def form(self) -> dict[str, bytes]:
        """The fields of a multipart body."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + self.body, policy=email.policy.HTTP)
        parts = [part for part in message.walk() if not part.is_multipart()]
        return {_name(part): bytes(part.get_payload(decode=True)) for part in parts}


def _name(part: Message) -> str:
    return str(part.get_param("name", header="content-disposition"))


class Reply:
    """A response, written piece by piece."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._chunked = False

    async def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a complete response."""
        await self._head(status, {**headers, "Content-Length": str(len(body))})
        await self.raw(body)

    async def start(self, content_type: str) -> None:
        """Begin a streamed response with status 200."""
        self._chunked = True
        await self._head(200, {"Content-Type": content_type, "Transfer-Encoding": "chunked"})

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    def reset(self) -> None:
        """Abort the connection without closing it properly."""
        self._writer.transport.abort()

    async def raw(self, data: bytes) -> None:
        """Send raw bytes, even if they break the protocol."""
        self._writer.write(data)
        await self._writer.drain()

    async def _head(self, status: int, headers: Mapping[str, str]) -> None:
        await self.raw(head(status, headers))


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return the beginning of an HTTP response, up to the body."""
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


class HangUp(Exception):  # noqa: N818 - not an error: a behaviour raises it to close the connection
    """Close the connection immediately."""


class Inbox(asyncio.StreamReader):
    """Data from a client; notices that the client has left even while nothing is read."""

    def __init__(self) -> None:
        super().__init__()
        self.left = asyncio.Event()

    def feed_eof(self) -> None:
        super().feed_eof()
        self.left.set()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self.left.set()


Behaviour = Callable[[Request, Reply], Awaitable[None]]


@dataclass(slots=True)
class FakeEndpoint:
    url: str
    """Base URL, ending in /v1."""
    behaviour: Behaviour
    """Behaviour, which can be replaced between requests."""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    """Number of connections accepted so far."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request has arrived."""
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client closes its connection before the response is complete."""
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    _serving: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _bound: socket.socket | None = None
    """Socket that reserves the port while nothing listens."""

    async def listen(self) -> None:
        """Accept connections, at first on any free port, after `stop` on the same one."""
        listener = self._bound or bound(self.host)
        self._bound = None
        self._server = await asyncio.get_running_loop().create_server(self._connect, sock=listener, ssl=self.tls)
        name = "localhost" if self.tls else f"[{self.host}]" if ":" in self.host else self.host
        self.url = f"http{'s' if self.tls else ''}://{name}:{listener.getsockname()[1]}/v1"

    async def stop(self) -> None:
        """Refuse connections, and end the existing ones."""
        if self._server:
            self._server.close()
            self._server = None
            self._bound = bound(self.host, urlsplit(self.url).port or 0)
        serving, self._serving = self._serving, set()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def close(self) -> None:
        """Stop for good."""
        await self.stop()
        if self._bound:
            self._bound.close()

    def _connect(self) -> asyncio.StreamReaderProtocol:
        inbox = Inbox()
        return asyncio.StreamReaderProtocol(inbox, lambda _, writer: self._begin(inbox, writer))

    def _begin(self, inbox: Inbox, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self.serve(inbox, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    async def serve(self, reader: Inbox, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, from its first request to its end."""
        self.connections += 1
        try:
            with suppress(HangUp, ConnectionError):
                while request := await _read(reader):
                    self.requests.append(request)
                    self.asked.set()
                    await self._answer(request, reader.left, Reply(writer))
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, request: Request, left: asyncio.Event, reply: Reply) -> None:
        tasks = asyncio.ensure_future(self.behaviour(request, reply)), asyncio.ensure_future(left.wait())
        answering = tasks[0]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                self.hung_up.set()
                raise HangUp
            answering.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def outside_address(family: socket.AddressFamily = socket.AF_INET) -> str:
    """Return an address of this machine other than loopback; skip the test if there is none."""
    cards = psutil.net_if_addrs().values()
    found = [entry.address for card in cards for entry in card if entry.family == family]
    mine = [address for address in found if not address.startswith(("127.", "169.254.", "fe80", "::1"))]
    if not mine:
        pytest.skip(f"this machine has no {family.name} address but its loopback")
    return mine[0]


def bound(host: str, port: int = 0) -> socket.socket:
    """Return a bound socket on which nothing listens yet: connections to it are refused."""
    # Without an explicit protocol, asyncio delays small responses.
    taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind((host, port))
    return taken


async def _read(reader: Inbox) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = first.split(" ")
    return Request(method, path, headers, body)


@asynccontextmanager
async def endpoint(
    behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[FakeEndpoint]:
    """Yield a server that answers every request with `behaviour`, on a free port; with TLS, as localhost."""
    fake = FakeEndpoint("", behaviour, tls=tls, host=host)
    await fake.listen()
    try:
        yield fake
    finally:
        await fake.close()


def answers(status: int, body: bytes | str | object, **headers: str) -> Behaviour:
    """Send a fixed response: bytes and text as they are, anything else as JSON. `retry_after="3"` is the header Retry-After."""
    kind = "text/plain"
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes):
        kind, body = "application/json", json.dumps(body).encode()
    named = {"Content-Type": kind} | {name.replace("_", "-").title(): value for name, value in headers.items()}

    async def behave(_: Request, reply: Reply) -> None:
        await reply.send(status, body, named)

    return behave


def transcribes(text: str) -> Behaviour:
    return answers(200, {"text": text})


def speaks(*chunks: bytes, content_type: str = "audio/pcm") -> Behaviour:
    """Stream audio in these pieces."""

    async def behave(_: Request, reply: Reply) -> None:
        await reply.start(content_type)
        for chunk in chunks:
            await reply.chunk(chunk)
        await reply.end()

    return behave


def breaks_off_after(*chunks: bytes) -> Behaviour:
    """Stream these pieces, then close the connection in mid-stream."""

    async def behave(_: Request, reply: Reply) -> None:
        await reply.start("audio/pcm")
        for chunk in chunks:
            await reply.chunk(chunk)
        raise HangUp

    return behave


def hangs_after(*chunks: bytes) -> Behaviour:
    """Stream these pieces, then hang forever; without pieces, hang before the head."""

    async def behave(_: Request, reply: Reply) -> None:
        if chunks:
            await reply.start("audio/pcm")
        for chunk in chunks:
            await reply.chunk(chunk)
        await asyncio.Event().wait()

    return behave


async def hangs_up(_: Request, __: Reply) -> None:
    """Close the connection without a response."""
    raise HangUp


def routes(table: Mapping[str, Behaviour]) -> Behaviour:
    """Choose a behaviour by path, as in "/v1/audio/speech"; 404 for other paths."""
    missing = answers(404, {"error": {"message": "Not Found"}})

    async def behave(request: Request, reply: Reply) -> None:
        await table.get(request.path, missing)(request, reply)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Give the first request the first of these behaviours, and so on; the last one stays."""
    left = list(behaviours)

    async def behave(request: Request, reply: Reply) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(request, reply)

    return behave


def speech_api(pcm: bytes = bytes(480), text: str = "hello", voices: tuple[str, ...] = ("af_sky",)) -> Behaviour:
    """Return the behaviour of a healthy endpoint with constant speech and transcript."""
    return routes(
        {
            "/v1/audio/speech": speaks(pcm),
            "/v1/audio/transcriptions": transcribes(text),
            "/v1/audio/voices": answers(200, {"voices": list(voices)}),
            "/v1/models": answers(200, {"data": [{"id": "tts-1"}, {"id": "whisper-1"}]}),
        }
    )
