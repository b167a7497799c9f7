"""Application shared by both engine servers: middleware around their routes, and streams that stop on disconnect.

See also `queue` (engines and waiting jobs), `about` (health, metrics, models) and `server` (which runs it).
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from voicemode.engines.server.about import About, AboutApi
from voicemode.engines.server.counters import Counters
from voicemode.engines.server.queue import EngineHost
from voicemode.engines.server.uploads import UploadGate
from voicemode.http_server.errors import exception_handlers
from voicemode.http_server.guards import BodyLimit, Guard, foreign
from voicemode.http_server.journal import AccessRecord, RequestJournal

T = TypeVar("T")


def create_app(about: About, room: EngineHost[Any], tally: Counters, routes: Sequence[Route]) -> Starlette:
    """Return the application of a server: `routes`, status endpoints, limits, guards and errors in OpenAI's format.

    The default model starts loading when the application starts; requests that need it wait.
    """
    # Known paths are counted separately, all others together, so that no client can fill the memory with new paths.
    paths = {route.path for route in routes}

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        room.open()
        try:
            yield
        finally:
            await room.close()

    def count(record: AccessRecord) -> None:
        tally.count(record, record.path if record.path in paths else "other")

    app = Starlette(
        routes=[*routes, *AboutApi(about, room, tally).routes],
        lifespan=lifespan,
        middleware=[
            Middleware(RequestJournal, activity=room.activity, count=count),
            Middleware(Guard, refusal=foreign),
            Middleware(UploadGate, name=room.name),
            Middleware(BodyLimit, max_bytes=about.max_body_bytes),
        ],
        exception_handlers=exception_handlers(tally.note),
    )
    app.state.activity = room.activity
    return app


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`, which is cancelled if the client disconnects. Read the request's body first.

    Raises ClientDisconnect, which `create_app` handles, and whatever `work` raises.
    """
    working = asyncio.create_task(work)
    watching = asyncio.create_task(hung_up(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.wait({working, watching})


async def hung_up(request: Request) -> None:
    """Return when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def streamed(
    request: Request,
    chunks: AsyncGenerator[bytes, None],
    *,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response that streams `chunks`, started after the first chunk: an earlier error gets its own status.

    `chunks` is closed when the client disconnects.
    """

    async def head() -> bytes:
        return await anext(chunks, b"")

    first = await unless_gone(request, head())

    async def body() -> AsyncGenerator[bytes, None]:
        async with aclosing(chunks):
            yield first
            async for chunk in chunks:
                yield chunk

    return ClosingResponse(body(), media_type=media_type, headers=headers)


def event(data: dict[str, Any]) -> bytes:
    """Return a server-sent event."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class ClosingResponse(StreamingResponse):
    """A response that closes its generator at once when it ends early, instead of at garbage collection."""

    body_iterator: AsyncGenerator[bytes, None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self.body_iterator):
            await super().__call__(scope, receive, send)
