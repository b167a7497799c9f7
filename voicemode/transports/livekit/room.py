"""Our presence in a room: joining it, rejoining it after a network failure, and leaving it."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from livekit import rtc

from voicemode import egress
from voicemode.config.urls import Address
from voicemode.controls import Controls
from voicemode.errors import Remedy, RoomError, VoiceModeError
from voicemode.tasks import ended, unless
from voicemode.transports.livekit.access import Access, agent_token, new_identity, refused_key, unreachable
from voicemode.transports.livekit.people import People
from voicemode.transports.livekit.screen import Screen
from voicemode.transports.livekit.voice import RoomVoice

log = logging.getLogger(__name__)

T = TypeVar("T")

JOIN_SECONDS = 10.0
AGAIN_SECONDS = 1.0
"""Seconds between attempts to rejoin a room."""
GIVE_UP_SECONDS = 30.0
"""Seconds without a connection after which the turn fails."""
ENDED = {
    rtc.DisconnectReason.ROOM_DELETED: "The room {} has been ended.",
    rtc.DisconnectReason.ROOM_CLOSED: "The room {} has closed: everybody had left.",
    rtc.DisconnectReason.PARTICIPANT_REMOVED: "We have been sent out of the room {}.",
    rtc.DisconnectReason.DUPLICATE_IDENTITY: "Somebody else is in the room {} in our name.",
}
"""Messages by disconnect reason after which we do not rejoin by ourselves."""
AGAIN_HINT = Remedy("To talk there again, call converse again once somebody is in it", "voicemode frontend open")


class Presence:
    """Our presence in one room."""

    def __init__(self, access: Access, room_name: str, called: str, controls: Controls) -> None:
        """`called` is our name in the room."""
        self._access = access
        self._room_name = room_name
        self._called = called
        self._identity = new_identity()
        self.people = People(room_name, called)
        self.voice = RoomVoice(self._audible)
        self.screen = Screen(controls, self.people, lambda: self.voice.track_id)
        self._room: rtc.Room | None = None
        self._joining: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        # The library logs each connection attempt; we log the outcome.
        logging.getLogger("livekit").setLevel(logging.CRITICAL)
        self._over = asyncio.Event()
        self._error: VoiceModeError = RoomError("The room has not been joined.")

    async def enter(self) -> None:
        """Join the room if needed and wait for a person. Raises RoomError and LocalOnlyError."""
        if self._joining is None or self._over.is_set():
            self._over.clear()
            self._joining = asyncio.create_task(self._join())
        # Not cancelled with the caller: an abandoned connection attempt would stay open, with nobody to close it.
        await asyncio.shield(self._joining)
        if self._over.is_set():
            raise self._error
        await self.people.somebody()

    async def unless_it_ends(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Return the result of `work`. Raises RoomError if the room ends meanwhile."""
        result = await unless(self._over.wait(), work)
        if self._over.is_set():
            raise self._error
        return result

    async def close(self) -> None:
        """Leave the room."""
        self._keep_trying()
        await ended(*filter(None, [self._joining, self._ending]))
        room, self._room = self._room, None
        self.people.end()
        await self.screen.close()
        if room:
            await self.voice.close()
            await room.disconnect()

    def _audible(self) -> bool:
        connected = self._room and self._room.connection_state == rtc.ConnectionState.CONN_CONNECTED
        return bool(connected) and self.people.somebody_hears

    async def _join(self) -> None:
        try:
            await self._connect()
        except VoiceModeError as error:
            self._end(error)

    async def _connect(self) -> None:
        egress.check(Address.parse(self._access.url).host)
        room = rtc.Room()
        self.people.watch(room)
        room.on("connection_state_changed", partial(self._changed, room))
        room.on("disconnected", partial(self._lost, room))
        token = agent_token(self._access, self._room_name, self._called, self._identity)
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await room.connect(self._access.url, token, options(self._access))
        except TimeoutError:
            raise unreachable(self._access) from None
        except rtc.ConnectError as error:
            log.info("The room cannot be joined: %s", error.message)
            raise (refused_key if "401" in error.message else unreachable)(self._access) from error
        self._move(room)
        self._back(room)

    def _move(self, room: rtc.Room | None) -> None:
        self._room = room
        self.voice.enter(room)
        self.screen.enter(room)

    def _changed(self, room: rtc.Room, state: "rtc.ConnectionState.ValueType") -> None:
        """Follow the state of the connection, which the library restores by itself where it can."""
        if room is self._room and state == rtc.ConnectionState.CONN_RECONNECTING:
            self._miss()
        elif room is self._room and state == rtc.ConnectionState.CONN_CONNECTED:
            self._back(room)

    def _lost(self, room: rtc.Room, reason: "rtc.DisconnectReason.ValueType") -> None:
        """Rejoin the room, or end: the library has given up the connection."""
        if room is not self._room:
            return
        self._move(None)
        if reason in ENDED:
            self._end(RoomError(ENDED[reason].format(repr(self._room_name)), hint=AGAIN_HINT))
        else:
            self._miss()
            self._joining = asyncio.create_task(self._join_again())

    async def _join_again(self) -> None:
        while True:
            with suppress(RoomError):
                return await self._connect()
            await asyncio.sleep(AGAIN_SECONDS)

    def _miss(self) -> None:
        """Start the timeout for a lost connection."""
        self.people.lose()
        if self._giving_up is None:
            loop = asyncio.get_running_loop()
            self._giving_up = loop.call_later(GIVE_UP_SECONDS, self._end, unreachable(self._access))

    def _back(self, room: rtc.Room) -> None:
        """Stop the timeout: we are connected, for the first time or again."""
        self._keep_trying()
        self.people.meet(room)

    def _keep_trying(self) -> None:
        if self._giving_up:
            self._giving_up.cancel()
            self._giving_up = None

    def _end(self, error: VoiceModeError) -> None:
        """End the presence with `error`, until the next `enter`."""
        self._keep_trying()
        self._error = error
        self._over.set()
        self.people.end(error)
        room, joining = self._room, self._joining
        self._move(None)
        self._ending = asyncio.create_task(self._abandon(room, joining if joining is not asyncio.current_task() else None))

    async def _abandon(self, room: rtc.Room | None, joining: asyncio.Task[None] | None) -> None:
        if joining:
            await ended(joining)
        if room:
            await room.disconnect()


def options(access: Access) -> rtc.RoomOptions:
    """Return the options for joining. For a server on this machine no STUN server elsewhere is contacted."""
    port = Address.parse(access.url).port
    itself = rtc.RtcConfiguration(ice_servers=[rtc.IceServer(urls=[f"stun:127.0.0.1:{port}"])])
    return rtc.RoomOptions(auto_subscribe=False, rtc_config=itself if access.is_here else None)
