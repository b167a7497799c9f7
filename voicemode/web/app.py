"""The application: routes, and the checks before them."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from voicemode import __version__
from voicemode.config import Settings
from voicemode.http_server.errors import exception_handlers
from voicemode.http_server.guards import BodyLimit, Guard, host_of
from voicemode.http_server.journal import Activity, RequestJournal
from voicemode.loopback import is_loopback
from voicemode.web.certificate import certificate_file, root
from voicemode.web.entry import SignIn, client_of
from voicemode.web.guards import Names, SecurityHeaders
from voicemode.web.page import Page
from voicemode.web.policy import policy, room_sources
from voicemode.web.rooms import Rooms
from voicemode.web.signalling import Signalling
from voicemode.web.status import Chosen, StatusApi

MAX_BODY_BYTES = 16 * 1024
"""Largest request body: a name, a password or a code."""
TOLD = ("/api/", "/livekit/")
"""Prefixes of the paths that are logged; requests for files are logged only for debugging."""


@dataclass(frozen=True, slots=True)
class Site:
    """The application, and its activity."""

    app: ASGIApp
    activity: Activity


def create_site(settings: Callable[[], Settings], names: Names, folder: Path | None, chosen: Chosen) -> Site:
    """Return the application of the page. Blocks while it reads the page.

    Args:
        settings: Returns the current settings; called in a thread.
        names: Host names we answer to; they can change while the application runs.
        folder: Folder of the exported page; None if the page was not built.
        chosen: Returns the providers in use.
    """
    activity, entry, first = Activity(), SignIn(settings, names), settings()
    rooms, connect = Rooms(settings, entry, names), room_sources(first.livekit_url)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with rooms.opened():
            yield

    async def health(request: Request) -> Response:
        """Return this server's health, to clients on this machine only."""
        if not all(map(is_loopback, (host_of(request.scope), client_of(request)))):
            raise HTTPException(404)
        about = {"service": "voicemode-frontend", "status": "ready", "version": __version__, "pid": os.getpid()}
        return JSONResponse(about | {"requests": activity.requests, "lan": sorted(names.lan)})

    async def certificate(_request: Request) -> Response:
        """Return the root certificate, for phones that are to trust this machine."""
        content = await asyncio.to_thread(root, certificate_file(first))
        if not content:
            raise HTTPException(404)
        return Response(content, media_type="application/x-x509-ca-cert")

    inside = Starlette(
        routes=[
            Route("/health", health),
            Route("/voicemode.crt", certificate),
            *entry.routes,
            *rooms.routes,
            *StatusApi(settings, entry, chosen).routes,
            *Signalling(settings, entry).routes,
            Route("/{path:path}", Page(folder, connect).show),
        ],
        lifespan=lifespan,
        exception_handlers=exception_handlers(),
    )
    guarded = Guard(BodyLimit(inside, max_bytes=MAX_BODY_BYTES), refusal=names.refusal)
    # Outermost, so that Starlette's own error responses get the headers, too.
    sealed = SecurityHeaders(guarded, policy=policy(connect))
    return Site(RequestJournal(sealed, activity=activity, told=TOLD), activity)
