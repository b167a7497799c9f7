"""Application that both engine servers share: middleware around their routes, and streams that stop when nobody listens.

Beside it: `errors` (OpenAI-shaped), `room` (the engines and the queue before them), `guards` and `journal` (middleware),
`about` (health, metrics, models), `server` (uvicorn).
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from voicemode.engines.server.about import About, AboutApi
from voicemode.engines.server.counters import FAILED, Counters
from voicemode.engines.server.errors import as_api_error, cause, client_gone
from voicemode.engines.server.guards import BodyLimit, LocalOnly
from voicemode.engines.server.journal import RequestJournal
from voicemode.engines.server.queue import EngineHost
from voicemode.errors import VoiceModeError

T = TypeVar("T")


def create_app(about: About, room: EngineHost[Any], tally: Counters, routes: Sequence[Route]) -> Starlette:
    """The application of a server: `routes`, those about itself, limits, guards, OpenAI-shaped errors.

    The default model is loaded from the application's start on; requests that need it wait for it.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        room.open()
        try:
            yield
        finally:
            await room.close()

    async def failure(request: Request, error: Exception) -> Response:
        told = as_api_error(error)
        if told.status >= FAILED:
            tally.note(request.url.path, cause(error))
        return told.response()

    app = Starlette(
        routes=[*routes, *AboutApi(about, room, tally).routes],
        lifespan=lifespan,
        middleware=[
            Middleware(RequestJournal, room=room, tally=tally, paths={route.path for route in routes}),
            Middleware(LocalOnly),
            Middleware(BodyLimit, max_bytes=about.max_body_bytes),
        ],
        exception_handlers={
            VoiceModeError: failure,
            HTTPException: failure,
            ClientDisconnect: client_gone,
            Exception: failure,
        },
    )
    app.state.room = room
    return app


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the client hangs up. Read the request's body first.

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
    """An answer of `chunks` as they come, begun once the first is there: what fails before it has a status of its own.

    `chunks` is closed when the client hangs up.
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
    """A server-sent event."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class ClosingResponse(StreamingResponse):
    """Closes its generator at once when it ends early, not when the garbage is collected."""

    body_iterator: AsyncGenerator[bytes, None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self.body_iterator):
            await super().__call__(scope, receive, send)
