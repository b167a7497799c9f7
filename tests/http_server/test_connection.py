"""Half-open connections end, and answers that take us long are waited for, over real sockets."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from voicemode.http_server.connection import TimedConnection
from voicemode.http_server.errors import exception_handlers
from voicemode.http_server.guards import BodyLimit
from voicemode.http_server.journal import Activity
from voicemode.http_server.listening import listen
from voicemode.http_server.server import configured, run

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 20.0
HEAD = b"%s / HTTP/1.1\r\nHost: localhost\r\n"
GET = HEAD % b"GET"
POST = HEAD % b"POST" + b"Content-Length: 1000\r\n\r\n"
LONG = os.urandom(20_000_000)


class HastyConnection(TimedConnection):
    """The same, for who has no time to wait in tests."""

    head_seconds = 0.3
    reader_seconds = 0.6


async def answer(request: Request) -> Response:
    if request.method == "POST":
        return PlainTextResponse(str(len(await request.body())))
    return PlainTextResponse("hello")


async def long(_request: Request) -> Response:
    return Response(LONG)


async def slow(_request: Request) -> Response:
    await asyncio.sleep(4 * HastyConnection.reader_seconds)
    return PlainTextResponse("at last")


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    """The port of a server that is hasty about everything a client does."""
    routes = [Route("/", answer, methods=["GET", "POST"]), Route("/long", long), Route("/slow", slow)]
    app: ASGIApp = Starlette(routes=routes, exception_handlers=exception_handlers())
    config = configured(BodyLimit(app, max_bytes=10_000, seconds=0.5), http=HastyConnection, timeout_keep_alive=1)
    listener = listen("127.0.0.1", 0)
    task = asyncio.create_task(run(listener, config, Activity(), None))
    try:
        yield listener.getsockname()[1]
    finally:
        task.cancel()
        await asyncio.wait({task})


async def exchanged(port: int, sent: bytes, *, trickle: bytes = b"") -> bytes:
    """All that comes until the server hangs up on a client that sends this, and `trickle` again and again."""
    async with asyncio.timeout(WAIT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        reading = asyncio.create_task(reader.read())
        while trickle and not reading.done():
            writer.write(trickle)
            await asyncio.wait({reading}, timeout=0.1)
        try:
            return await reading
        except ConnectionError:
            return b""
        finally:
            writer.transport.abort()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", GET, GET + b"\r\n" + GET], ids=["nothing", "line", "head", "next head"])
@pytest.mark.parametrize("trickle", [b"", b"X-More: y\r\n"], ids=["silent", "trickling"])
async def test_a_request_that_does_not_come_to_its_end_is_hung_up_on(sent: bytes, trickle: bytes) -> None:
    async with served() as port:
        answered = await exchanged(port, sent, trickle=trickle if sent.endswith(b"\r\n") else b"")
    assert answered.count(b"hello") == sent.count(b"\r\n\r\n")


async def test_a_connection_that_is_kept_for_nothing_is_closed() -> None:
    async with served() as port:
        assert (await exchanged(port, GET + b"\r\n")).endswith(b"hello")


@pytest.mark.parametrize("trickle", [b"", b"y"], ids=["silent", "trickling"])
async def test_a_body_that_does_not_come_is_answered_with_408(trickle: bytes) -> None:
    answered = b""
    async with served() as port:
        # Bytes that arrive after the answer reset the connection, which can take the answer with it.
        for _ in range(5):
            answered = answered or await exchanged(port, POST, trickle=trickle)
    head, _, body = answered.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    assert b'"code":"request_too_slow"' in body


async def test_a_body_that_comes_slowly_but_comes_is_taken() -> None:
    async with served() as port, asyncio.timeout(WAIT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD % b"POST" + b"Content-Length: 8000\r\nConnection: close\r\n\r\n")
        for _ in range(8):
            writer.write(bytes(1000))
            await asyncio.sleep(0.15)
        assert (await reader.read()).endswith(b"8000")
        writer.close()


async def test_a_client_that_does_not_read_its_answer_is_hung_up_on() -> None:
    async with served() as port, asyncio.timeout(WAIT_SECONDS):
        # So little is read ahead that the rest waits with the server.
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.sleep(6 * HastyConnection.reader_seconds)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(len(LONG))
        writer.transport.abort()


async def test_a_client_that_reads_slowly_gets_all_of_it() -> None:
    async with served() as port, asyncio.timeout(WAIT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET /long HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := await reader.read(2_000_000):
            received += piece
            await asyncio.sleep(0.002)
        assert received.endswith(LONG)
        writer.close()


async def test_what_takes_us_long_is_no_fault_of_the_client() -> None:
    async with served() as port:
        assert (await exchanged(port, b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")).endswith(b"at last")
