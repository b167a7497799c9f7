"""A real HTTP server on a real socket that misbehaves as told: what the speech client, and whoever uses it, is tested on.

    async with endpoint(routes({"/v1/audio/speech": speaks(pcm)})) as server:
        client = SpeechClient(Endpoint(server.url), http, Settings())
        ...
        assert server.requests[-1].json["voice"] == "alloy"

A behaviour is a coroutine function of a `Request` and a `Reply`. When it returns, the answer is complete.
"""

import asyncio
import email
import email.policy
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        answer = json.loads(self.body)
        assert isinstance(answer, dict)
        return answer

    @property
    def form(self) -> dict[str, bytes]:
        """Fields of a multipart body."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + self.body, policy=email.policy.HTTP)
        parts = [part for part in message.walk() if not part.is_multipart()]
        return {_name(part): bytes(part.get_payload(decode=True)) for part in parts}


def _name(part: Message) -> str:
    return str(part.get_param("name", header="content-disposition"))


class Reply:
    """One answer, written piece by piece."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._chunked = False

    async def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """A whole answer at once."""
        await self._head(status, {**headers, "Content-Length": str(len(body))})
        await self._write(body)

    async def start(self, content_type: str) -> None:
        """Begin a streamed answer of status 200."""
        self._chunked = True
        await self._head(200, {"Content-Type": content_type, "Transfer-Encoding": "chunked"})

    async def chunk(self, data: bytes) -> None:
        await self._write(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self._write(b"0\r\n\r\n")

    async def _head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
        await self._write("\r\n".join([*lines, "", ""]).encode())

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


class HangUp(Exception):  # noqa: N818 - not an error: a behaviour raises it to close the connection
    """Close the connection here and now."""


class Inbox(asyncio.StreamReader):
    """What a client sends; knows when it has left even while nothing is read."""

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
    """May be exchanged between requests."""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    """Connections ever accepted."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """A request has arrived."""
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """A client closed its connection while it was owed an answer."""

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    async def serve(self, reader: Inbox, writer: asyncio.StreamWriter) -> None:
        """One connection, from its first request to its end."""
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


async def _read(reader: Inbox) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    method, path, _ = first.split(" ")
    return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


@asynccontextmanager
async def endpoint(behaviour: Behaviour) -> AsyncIterator[FakeEndpoint]:
    """A server that answers every request with `behaviour`, on a port of its own."""
    fake = FakeEndpoint("", behaviour)
    connections: set[asyncio.Task[None]] = set()

    def connect() -> asyncio.StreamReaderProtocol:
        inbox = Inbox()
        return asyncio.StreamReaderProtocol(
            inbox, lambda _, writer: connections.add(asyncio.create_task(fake.serve(inbox, writer)))
        )

    server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield fake
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


def answers(status: int, body: bytes | str | object, **headers: str) -> Behaviour:
    """A fixed answer: bytes and text as they are, anything else as JSON. `retry_after="3"` is the header Retry-After."""
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
    """Audio, streamed in these pieces."""

    async def behave(_: Request, reply: Reply) -> None:
        await reply.start(content_type)
        for chunk in chunks:
            await reply.chunk(chunk)
        await reply.end()

    return behave


def breaks_off_after(*chunks: bytes) -> Behaviour:
    """Half a stream: these pieces, then the connection is gone."""

    async def behave(_: Request, reply: Reply) -> None:
        await reply.start("audio/pcm")
        for chunk in chunks:
            await reply.chunk(chunk)
        raise HangUp

    return behave


def hangs_after(*chunks: bytes) -> Behaviour:
    """These pieces (or not even a head), then nothing, for ever."""

    async def behave(_: Request, reply: Reply) -> None:
        if chunks:
            await reply.start("audio/pcm")
        for chunk in chunks:
            await reply.chunk(chunk)
        await asyncio.Event().wait()

    return behave


async def hangs_up(_: Request, __: Reply) -> None:
    """The connection is closed without an answer."""
    raise HangUp


def routes(table: Mapping[str, Behaviour]) -> Behaviour:
    """A behaviour for each path, as in "/v1/audio/speech"; 404 for the rest."""
    missing = answers(404, {"error": {"message": "Not Found"}})

    async def behave(request: Request, reply: Reply) -> None:
        await table.get(request.path, missing)(request, reply)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """The first request gets the first of these, and so on; the last one stays."""
    left = list(behaviours)

    async def behave(request: Request, reply: Reply) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(request, reply)

    return behave


def speech_api(pcm: bytes = bytes(480), text: str = "hello", voices: tuple[str, ...] = ("af_sky",)) -> Behaviour:
    """An endpoint in good health that always says and hears the same."""
    return routes(
        {
            "/v1/audio/speech": speaks(pcm),
            "/v1/audio/transcriptions": transcribes(text),
            "/v1/audio/voices": answers(200, {"voices": list(voices)}),
            "/v1/models": answers(200, {"data": [{"id": "tts-1"}, {"id": "whisper-1"}]}),
        }
    )
