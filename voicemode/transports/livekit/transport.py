"""LiveKit transport: people talk to us in a room from a browser or a phone, wherever they are."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Self

from voicemode.audio.echo.timeline import Timeline
from voicemode.audio.frames import Frames, closing
from voicemode.config import Settings
from voicemode.config.installer import to_install
from voicemode.controls import Controls
from voicemode.errors import RoomError
from voicemode.tasks import alongside
from voicemode.transports.base import Microphone, News, Played, Speaker
from voicemode.transports.livekit.access import Access, access_to
from voicemode.transports.speaker import SpeakerStream

if TYPE_CHECKING:
    from voicemode.transports.livekit.room import Presence


class LiveKitTransport:
    """A LiveKit room, joined at first use and left on closing."""

    name = "livekit"
    echoes = False
    """Browsers cancel the echo of their own playback."""

    def __init__(self, find: Callable[[], Access], room_name: str, called: str, controls: Controls) -> None:
        """`find` returns the server, `called` is our name in the room; buttons and messages from people go to `controls`."""
        self._find = find
        self._room_name = room_name
        self._called = called
        self._controls = controls
        self._presence: Presence | None = None
        self._lock = asyncio.Lock()

    @classmethod
    def from_settings(cls, settings: Settings, controls: Controls) -> Self:
        return cls(partial(access_to, settings), settings.livekit_room, settings.livekit_name, controls)

    @asynccontextmanager
    async def microphones(self) -> AsyncIterator[AsyncIterator[Microphone]]:
        presence = await self._entered()
        async with presence.people.microphones() as microphones:
            yield microphones

    async def play(self, frames: Frames, speaker: Speaker | None = None) -> Played:
        speaker = speaker or Speaker()
        playback = SpeakerStream(speaker, Timeline())
        async with closing(frames), alongside(playback.supply(frames)):
            presence = await self._entered()
            async with presence.voice.speaking(playback.fill) as device:
                try:
                    await presence.unless_it_ends(playback.sound(device))
                except asyncio.CancelledError:
                    speaker.took(-presence.voice.hush())
                    raise
        return speaker.played

    async def show(self, news: News) -> None:
        if self._presence:
            self._presence.screen.show(news)

    async def close(self) -> None:
        """Leave the room."""
        if self._presence:
            await self._presence.close()

    async def _entered(self) -> "Presence":
        async with self._lock:
            if self._presence is None:
                self._presence = await asyncio.to_thread(self._load)
        await self._presence.enter()
        return self._presence

    def _load(self) -> "Presence":
        try:
            from voicemode.transports.livekit.room import Presence
        except ModuleNotFoundError as error:
            raise RoomError("Rooms need a package.", hint=to_install(extra="livekit")) from error
        return Presence(self._find(), self._room_name, self._called, self._controls)
