"""Rooms of a LiveKit server and their members."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicemode.config import Settings
from voicemode.errors import ConfigError, RoomError, VoiceModeError
from voicemode.http_client.client import open_http
from voicemode.transports.livekit.access import MARK, Access, find_access, refused_key, server_token, unreachable

if TYPE_CHECKING:
    import httpx2

ANSWER_SECONDS = 5.0
"""Timeout of a request; a working server answers at once."""
GLANCE_SECONDS = 0.3
"""Time a turn waits to find out if the person is in the room."""
EMPTY_SECONDS = 300
"""Seconds after which an empty room that was made by hand ends."""
TOKEN_SECONDS = 60.0
AGENT = "AGENT"
NOT_FOUND = 404
REFUSED = (401, 403)


@dataclass(frozen=True, slots=True)
class Room:
    name: str
    people: int
    """Number of people in it."""
    agents: int
    since: float
    """`time.time()` when it was made."""
    ours: bool
    """True if VoiceMode made the room, or an agent of VoiceMode is in it."""


@dataclass(frozen=True, slots=True)
class RoomMember:
    """A person or agent in a room."""

    identity: str
    name: str
    agent: bool
    since: float
    """`time.time()` when they joined."""
    ours: bool
    """True for an agent of VoiceMode."""


class RoomDirectory:
    """Rooms of one server. Every request raises RoomError if there is no answer, and LocalOnlyError."""

    def __init__(self, access: Access, http: "httpx2.AsyncClient") -> None:
        self._access = access
        self._http = http

    async def rooms(self, *names: str) -> list[Room]:
        """Return the rooms called `names`, or all rooms, oldest first."""
        said = await self._ask("ListRooms", {"names": names}, roomList=True) or {}
        rooms = sorted(said.get("rooms", []), key=lambda room: (int(room["creation_time_ms"]), room["name"]))
        return list(await asyncio.gather(*map(self._described, rooms)))

    async def people(self, room: str) -> list[RoomMember]:
        """Return the members of `room`, agents included; none if there is no such room."""
        said = await self._ask("ListParticipants", {"room": room}, roomAdmin=True, room=room) or {}
        return [
            RoomMember(
                identity=who["identity"],
                name=who["name"] or who["identity"],
                agent=who["kind"] == AGENT,
                since=float(who["joined_at"]),
                ours=who["kind"] == AGENT and MARK in who.get("attributes", {}),
            )
            for who in said.get("participants", [])
        ]

    async def create(self, name: str) -> None:
        """Make a room, which lasts EMPTY_SECONDS while nobody is in it."""
        await self._ask("CreateRoom", {"name": name, "empty_timeout": EMPTY_SECONDS, "metadata": MARK}, roomCreate=True)

    async def end(self, name: str) -> bool:
        """End a room for all its members. Return False if there is no such room."""
        return await self._ask("DeleteRoom", {"room": name}, roomCreate=True) is not None

    async def _described(self, room: dict[str, Any]) -> Room:
        people = await self.people(room["name"])
        agents = [who.agent for who in people]
        ours = room.get("metadata") == MARK or any(who.ours for who in people)
        return Room(room["name"], agents.count(False), agents.count(True), int(room["creation_time_ms"]) / 1000, ours)

    async def _ask(self, method: str, body: dict[str, object], **grants: object) -> dict[str, Any] | None:
        """Send a request and return the response; None if its object does not exist."""
        import httpx2

        token = server_token(self._access, TOKEN_SECONDS, **grants)
        try:
            answer = await self._http.post(
                f"{self._access.http_url}/twirp/livekit.RoomService/{method}",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
                timeout=ANSWER_SECONDS,
            )
        except httpx2.HTTPError as error:
            raise unreachable(self._access) from error
        except ConfigError as error:
            raise RoomError(f"{self._access.url} was not asked: {error.message}", hint=error.hint) from error
        if answer.status_code in REFUSED:
            raise refused_key(self._access)
        if answer.status_code == NOT_FOUND:
            return None
        try:
            return dict(answer.raise_for_status().json())
        except (httpx2.HTTPError, ValueError) as error:
            raise RoomError(f"What answers at {self._access.url} does not do what a LiveKit server does.") from error


@asynccontextmanager
async def open_directory(access: Access) -> AsyncIterator[RoomDirectory]:
    """Open the directory of a server with its own HTTP client."""
    async with open_http() as http:
        yield RoomDirectory(access, http)


async def somebody_in_room(settings: Settings, http: "httpx2.AsyncClient") -> bool:
    """Return True if a person is in the configured room. False if the server does not answer in time; never fails."""
    access = await asyncio.to_thread(find_access, settings)
    if access is None:
        return False
    try:
        async with asyncio.timeout(GLANCE_SECONDS):
            people = await RoomDirectory(access, http).people(settings.livekit_room)
    except (TimeoutError, VoiceModeError):
        return False
    return not all(who.agent for who in people)
