"""Rooms, and the tokens with which people join them."""

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
from voicemode.http_client.client import open_http
from voicemode.http_server.errors import ApiError
from voicemode.text.person_names import is_reserved
from voicemode.transports.livekit.access import TOKEN_SECONDS, Access, find_access, person_token
from voicemode.transports.livekit.directory import Room, RoomDirectory
from voicemode.web import request_body
from voicemode.web.entry import SignIn
from voicemode.web.guards import Names

SIGNALLING = "/livekit"
"""Path at which LiveKit's signalling is relayed."""


class Rooms:
    """The routes for rooms. All require a signed-in browser."""

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
        """Keep an HTTP client for LiveKit open within this context."""
        async with open_http() as http:
            self._directory_of = partial(RoomDirectory, http=http)
            yield

    async def rooms(self, request: Request) -> Response:
        """Return VoiceMode's rooms: a server can also have rooms of other programs."""
        async with self._directory(request) as directory:
            rooms = await directory.rooms()
            return JSONResponse({"rooms": [asdict(room) for room in rooms if await self._is_ours(room)]})

    async def create(self, request: Request) -> Response:
        (given,) = await request_body.texts(request, "name")
        async with self._directory(request) as directory:
            await self._provide(directory, name := request_body.name(given, "The name of a room"))
        return JSONResponse({"name": name}, 201)

    async def end(self, request: Request) -> Response:
        """End a room for everybody in it."""
        async with self._directory(request) as directory:
            name = request.path_params["name"]
            if not [room for room in await directory.rooms(name) if await self._is_ours(room)] or not await directory.end(name):
                raise ApiError(404, "There is no such room any more.", code="no_such_room")
        return Response(status_code=204)

    async def _provide(self, directory: RoomDirectory, name: str) -> None:
        """Create our room `name` unless it exists. Raises ApiError if the room belongs to another program."""
        found = await directory.rooms(name)
        if not found:
            await directory.create(name)
        elif not await self._is_ours(found[0]):
            raise ApiError(403, f"The room {name} is another program's.", code="not_our_room", hint="Choose another name.")

    async def _is_ours(self, room: Room) -> bool:
        return room.ours or room.name == (await asyncio.to_thread(self._settings)).livekit_room

    async def token(self, request: Request) -> Response:
        visitor = await self._entry.visitor(request)
        room, given = await request_body.texts(request, "room", "name")
        room, name = request_body.name(room, "The name of a room"), request_body.person(given)
        settings = await asyncio.to_thread(self._settings)
        if is_reserved(name, settings.livekit_name):
            raise ApiError(400, f"{name} is no name of a person here.", code="name_taken", hint="Choose another one.")
        async with self._directory(request) as directory:
            await self._provide(directory, room)
        access = await self._access()
        token = person_token(access, room, visitor.identity, name)
        return JSONResponse(
            {
                "url": self._signalling_url(request) if access.is_here else access.url,
                # Browsers reach a server here directly, without a STUN server elsewhere.
                "direct": access.is_here and (settings.local_only or not settings.livekit_url),
                "token": token,
                "identity": visitor.identity,
                "room": room,
                "expires_in": round(TOKEN_SECONDS),
            }
        )

    @asynccontextmanager
    async def _directory(self, request: Request) -> AsyncIterator[RoomDirectory]:
        """Yield the room directory to a signed-in browser. Raises ApiError."""
        await self._entry.visitor(request)
        access = await self._access()
        if self._directory_of is None:
            raise ApiError(503, "The server is just starting.", code="starting")
        try:
            yield self._directory_of(access)
        except RoomError as error:
            raise ApiError(503, error.message, code="livekit_unreachable", hint=error.hint) from error

    async def _access(self) -> Access:
        """Return the access to LiveKit. Raises ApiError 503 if there is no server."""
        access = await asyncio.to_thread(lambda: find_access(self._settings()))
        if access is None:
            raise no_livekit()
        return access

    def _signalling_url(self, request: Request) -> str:
        scheme = "wss" if self._names.encrypted(request.scope) else "ws"
        return f"{scheme}://{request.headers['host']}{SIGNALLING}"


def no_livekit() -> ApiError:
    return ApiError(
        503,
        "There is no LiveKit server to talk over.",
        code="no_livekit",
        hint=Remedy("Install one; for one elsewhere, see docs/livekit.md", "voicemode service install livekit"),
    )
