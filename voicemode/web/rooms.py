"""Rooms, and the tokens that let a person into one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from voicemode.config import Settings
from voicemode.errors import Remedy, RoomError
from voicemode.speech.openai.wire import open_http
from voicemode.transports.livekit.access import TOKEN_SECONDS, Access, find_access, person_token
from voicemode.transports.livekit.directory import RoomDirectory
from voicemode.web import request_body
from voicemode.web.entry import SignIn
from voicemode.web.errors import PageError
from voicemode.web.guards import Names

SIGNALLING = "/livekit"
"""Where LiveKit's signalling is passed on."""


class Rooms:
    """The routes of rooms. All are for who is signed in."""

    def __init__(self, settings: Callable[[], Settings], entry: SignIn, names: Names) -> None:
        self._settings = settings
        self._entry = entry
        self._names = names
        self._directory_of: Callable[[Access], RoomDirectory] | None = None
        self.routes: list[BaseRoute] = [
            Route("/api/rooms", self.rooms),
            Route("/api/rooms", self.create, methods=["POST"]),
            Route("/api/rooms/{name}", self.end, methods=["DELETE"]),
            Route("/api/token", self.token, methods=["POST"]),
        ]

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Connections to LiveKit live as long as this."""
        async with open_http() as http:
            self._directory_of = partial(RoomDirectory, http=http)
            yield

    async def rooms(self, request: Request) -> Response:
        async with self._directory(request) as directory:
            return JSONResponse({"rooms": [asdict(room) for room in await directory.rooms()]})

    async def create(self, request: Request) -> Response:
        (given,) = await request_body.texts(request, "name")
        async with self._directory(request) as directory:
            await directory.create(name := request_body.name(given, "The name of a room"))
        return JSONResponse({"name": name}, 201)

    async def end(self, request: Request) -> Response:
        """End it for all who are in it."""
        async with self._directory(request) as directory:
            if not await directory.end(request.path_params["name"]):
                raise PageError(404, "no_such_room", "There is no such room any more.")
        return Response(status_code=204)

    async def token(self, request: Request) -> Response:
        visitor = await self._entry.visitor(request)
        room, given = await request_body.texts(request, "room", "name")
        room, name = request_body.name(room, "The name of a room"), request_body.name(given, "Your name")
        settings = await asyncio.to_thread(self._settings)
        if name.casefold() == settings.livekit_name.casefold():
            raise PageError(400, "name_taken", f"{name} is the name of the agent.", hint="Choose another one.")
        access = await self._access()
        token = person_token(access, room, visitor.identity, name)
        return JSONResponse(
            {
                "url": self._signalling_url(request) if access.is_here else access.url,
                "token": token,
                "identity": visitor.identity,
                "room": room,
                "expires_in": round(TOKEN_SECONDS),
            }
        )

    @asynccontextmanager
    async def _directory(self, request: Request) -> AsyncIterator[RoomDirectory]:
        """The rooms, for who may see them. Raises PageError."""
        await self._entry.visitor(request)
        access = await self._access()
        if self._directory_of is None:
            raise PageError(503, "starting", "The server is just starting.")
        try:
            yield self._directory_of(access)
        except RoomError as error:
            raise PageError(503, "livekit_unreachable", error.message, hint=error.hint) from error

    async def _access(self) -> Access:
        """Raises PageError 503 where there is no LiveKit."""
        access = await asyncio.to_thread(lambda: find_access(self._settings()))
        if access is None:
            raise no_livekit()
        return access

    def _signalling_url(self, request: Request) -> str:
        scheme = "wss" if self._names.encrypted(request.scope) else "ws"
        return f"{scheme}://{request.headers['host']}{SIGNALLING}"


def no_livekit() -> PageError:
    return PageError(
        503,
        "no_livekit",
        "There is no LiveKit server to talk over.",
        hint=Remedy("Install one; for one elsewhere, see docs/livekit.md", "voicemode service install livekit"),
    )
