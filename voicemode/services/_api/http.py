"""What both engine servers share: the application around their routes, and answers that stop when nobody listens.

Beside it: `errors` (OpenAI-shaped), `room` (the queue before the engine), `guards` (middleware), `server` (uvicorn).
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from voicemode import __version__
from voicemode.errors import VoiceModeError
from voicemode.services._api.errors import ApiError, client_gone, render
from voicemode.services._api.guards import BodyLimit, Journal, LocalOnly
from voicemode.services._api.news import News
from voicemode.services._api.room import EngineRoom

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a server says of itself."""

    service: str
    """For /health: `voicemode-whisper`, `voicemode-kokoro`."""
    model: str
    """The model that is loaded."""
    models: tuple[str, ...]
    """Names that requests may use, for /v1/models."""
    news: News = field(default_factory=News)
    """What it does while it loads its engine."""
    max_body_bytes: int = 1024 * 1024
    """Larger requests are refused with 413."""


def create_app(about: About, room: EngineRoom[Any], routes: Sequence[BaseRoute]) -> Starlette:
    """The application of a server: `routes`, /health, /v1/models, limits, guards, OpenAI-shaped errors.

    The engine is loaded from the application's start on; requests that need it wait for it.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        room.open()
        try:
            yield
        finally:
            await room.close()

    app = Starlette(
        routes=[*routes, *about_routes(about, room)],
        lifespan=lifespan,
        middleware=[
            Middleware(Journal, room=room),
            Middleware(LocalOnly),
            Middleware(BodyLimit, max_bytes=about.max_body_bytes),
        ],
        exception_handlers={
            VoiceModeError: render,
            HTTPException: render,
            ClientDisconnect: client_gone,
            Exception: render,
        },
    )
    app.state.room = room
    return app


def about_routes(about: About, room: EngineRoom[Any]) -> list[BaseRoute]:
    """GET /health, /v1/models, /v1/models/{model}."""
    listed = {name: {"id": name, "object": "model", "created": 0, "owned_by": "voicemode"} for name in about.models}

    async def health(_request: Request) -> Response:
        """200 while loading and when ready, 503 when the engine cannot be loaded; `error` says why."""
        state = room.state
        answer = {
            "service": about.service,
            "status": state.status,
            "model": about.model,
            "version": __version__,
            "pid": os.getpid(),
            "detail": about.news.text if state.status == "loading" else "",
            "error": state.error,
        }
        return JSONResponse(answer, 503 if state.status == "failed" else 200)

    async def models(_request: Request) -> Response:
        return JSONResponse({"object": "list", "data": list(listed.values())})

    async def model(request: Request) -> Response:
        name = request.path_params["model"]
        if name not in listed:
            raise unknown_model(name, about.models)
        return JSONResponse(listed[name])

    return [Route("/health", health), Route("/v1/models", models), Route("/v1/models/{model:path}", model)]


def unknown_model(name: str, known: Sequence[str]) -> ApiError:
    return ApiError(
        404, f"There is no model {name!r} here; there is {', '.join(known)}.", param="model", code="model_not_found"
    )


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
