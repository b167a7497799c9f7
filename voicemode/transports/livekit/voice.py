"""Our voice in a room: a track published while we speak and for a while after."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from livekit import rtc
from livekit.rtc.participant import PublishTrackError, UnpublishTrackError

from voicemode.audio.devices import Fill
from voicemode.tasks import ended
from voicemode.transports.speaker import OpenDevice

log = logging.getLogger(__name__)

RATE = 24_000
"""Sample rate in hertz, that of speech engines."""
STEP_SECONDS = 0.02
AHEAD_SECONDS = 0.06
"""Audio queued in the library ahead of time, so that a briefly busy event loop causes no gap."""
QUEUE_SECONDS = 0.2
SUBSCRIBED_SECONDS = 1.0
"""Longest wait for a subscriber: earlier speech would be lost, but clients without audio never subscribe."""
IDLE_SECONDS = 60.0
"""Seconds after which a silent track is unpublished: it still costs both sides some work."""


@dataclass(frozen=True, slots=True)
class VoiceTrack:
    """Published track with our voice."""

    room: rtc.Room
    source: rtc.AudioSource
    publication: rtc.LocalTrackPublication


class RoomVoice:
    """Our voice in a room, for one use at a time."""

    def __init__(self, audible: Callable[[], bool]) -> None:
        """`audible` returns True if anybody can hear us now."""
        self._audible = audible
        self._room: rtc.Room | None = None
        self._track: VoiceTrack | None = None
        self._resting: asyncio.Task[None] | None = None

    def enter(self, room: rtc.Room | None) -> None:
        """Switch to `room`, or to none."""
        if room is not self._room:
            self._room, self._track = room, None

    @property
    def track_id(self) -> str:
        """ID of the track; empty while there is none."""
        return self._track.publication.sid if self._track else ""

    @asynccontextmanager
    async def speaking(self, fill: Fill) -> AsyncIterator[OpenDevice]:
        """Play the audio from `fill`; take none while nobody can hear it."""
        await self._wake()
        feeding = asyncio.create_task(self._feed(fill))
        try:
            yield OpenDevice(RATE, AHEAD_SECONDS)
        finally:
            await ended(feeding)
            self._resting = asyncio.create_task(self._rest())

    def hush(self) -> float:
        """Fall silent at once. Return the seconds of audio discarded."""
        if self._track is None:
            return 0.0
        rest = self._track.source.queued_duration
        self._track.source.clear_queue()
        return rest

    async def close(self) -> None:
        await self._wake()
        await self._withdraw()

    async def _feed(self, fill: Fill) -> None:
        size = round(RATE * STEP_SECONDS)
        while True:
            if not (self._room and self._audible()):
                fill(0)
                await asyncio.sleep(STEP_SECONDS)
            elif self._track is None:
                await self._publish(self._room, fill)
            elif (ahead := self._track.source.queued_duration) < AHEAD_SECONDS:
                await self._track.source.capture_frame(rtc.AudioFrame(fill(size), RATE, 1, size))
            else:
                await asyncio.sleep(ahead - AHEAD_SECONDS + STEP_SECONDS / 2)

    async def _publish(self, room: rtc.Room, fill: Fill) -> None:
        """Publish a track and wait for a subscriber; meanwhile call `fill`, so that we do not count as lost."""
        publishing = asyncio.create_task(self._published(room))
        try:
            while not publishing.done():
                fill(0)
                await asyncio.wait([publishing], timeout=STEP_SECONDS)
            if room is self._room:
                self._track = publishing.result()
        except PublishTrackError as error:
            # The connection is just being lost; the next one tries again.
            log.info("Our voice cannot be published: %s", error)
            await asyncio.sleep(STEP_SECONDS)
        finally:
            await ended(publishing)

    async def _published(self, room: rtc.Room) -> VoiceTrack:
        source = rtc.AudioSource(RATE, 1, queue_size_ms=round(QUEUE_SECONDS * 1000))
        local = rtc.LocalAudioTrack.create_audio_track("voice", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=True, red=True)
        publication = await room.local_participant.publish_track(local, options)
        with suppress(TimeoutError):
            async with asyncio.timeout(SUBSCRIBED_SECONDS):
                await publication.wait_for_subscription()
        return VoiceTrack(room, source, publication)

    async def _rest(self) -> None:
        await asyncio.sleep(IDLE_SECONDS)
        await self._withdraw()

    async def _wake(self) -> None:
        if self._resting:
            await ended(self._resting)

    async def _withdraw(self) -> None:
        track, self._track = self._track, None
        if track and track.room is self._room and track.room.isconnected():
            # A room that is just being lost takes the track with it.
            with suppress(UnpublishTrackError):
                await track.room.local_participant.unpublish_track(track.publication.sid)
            await track.source.aclose()
