"""Audio of one person in a room, from whichever track they currently send."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

from livekit import rtc

from voicemode.audio.frames import Frame, closing, silence
from voicemode.errors import VoiceModeError
from voicemode.tasks import unless

RATE = 16_000
"""Sample rate in hertz of the frames delivered to the program."""
FRAME_SECONDS = 0.02
QUIET_SECONDS = 0.04
"""Length of the silent frames that stand in for a person without an active microphone."""
KEPT_FRAMES = 6000
"""Most frames buffered for a reader that lags behind, two minutes; beyond it the oldest are lost."""
LOOK_SECONDS = 0.45
"""Silence between two checks that packets still arrive: during silence there is one every 0.4 s."""
PATIENCE_SECONDS = 20.0
"""Seconds without a packet after which a person counts as silent: a sleeping phone stops sending without notice."""


class Gap:
    """Detector of lost connections. They look like silence, because missing packets are replaced by zeros."""

    def __init__(self, packets: Callable[[], Awaitable[int]]) -> None:
        """`packets` returns the number of packets received so far."""
        self._packets = packets
        self._zeros_seconds = self._looked_at = 0.0
        self._come = -1
        self._lost = False

    def over(self) -> None:
        """Reset: audio was received."""
        self._zeros_seconds = self._looked_at = 0.0
        self._come, self._lost = -1, False

    async def silence(self, seconds: float) -> bool:
        """Account for `seconds` more of zeros. Return True if they are silence, not a lost connection."""
        if not self._zeros_seconds or self._zeros_seconds - self._looked_at >= LOOK_SECONDS:
            come = await self._packets()
            self._lost, self._come, self._looked_at = come == self._come, come, self._zeros_seconds
        self._zeros_seconds += seconds
        return not self._lost or self._zeros_seconds > PATIENCE_SECONDS


class Ear:
    """Frames of one person until they leave, an iterator that can be cancelled and resumed without loss."""

    def __init__(self, silent: Callable[[], bool]) -> None:
        """`silent` returns True if the person is present without an active microphone."""
        self._silent = silent
        self._frames = deque[Frame](maxlen=KEPT_FRAMES)
        self._news = asyncio.Event()
        self._track: rtc.Track | None = None
        self._switched = asyncio.Event()
        self._over = False
        self._error: VoiceModeError | None = None

    def take(self, track: rtc.Track | None) -> None:
        """Listen to the person on `track` from now on."""
        if track is not self._track:
            self._track = track
            self._switched.set()

    def end(self, error: VoiceModeError | None = None) -> None:
        """End the frames, with `error` if there is one."""
        self._over, self._error = True, error
        self._news.set()

    async def listen(self) -> None:
        """Receive the person's audio; runs in a task for the lifetime of the ear."""
        while True:
            self._switched.clear()
            if self._track is None:
                await self._switched.wait()
            else:
                await unless(self._switched.wait(), self._hear(self._track))
                await self._switched.wait()

    async def _hear(self, track: rtc.Track) -> None:
        async with closing(heard(track, self._silent)) as frames:
            async for frame in frames:
                self._frames.append(frame)
                self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        """Return the next 20 or 40 ms; wait while the connection is lost. Raises RoomError after all frames received."""
        while not self._frames:
            if self._error:
                raise self._error
            if self._over:
                raise StopAsyncIteration
            await self._wait()
        return self._frames.popleft()

    async def _wait(self) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                await self._news.wait()
        except TimeoutError:
            if self._silent() and not self._frames:
                self._frames.append(silence(QUIET_SECONDS, RATE))


async def heard(track: rtc.Track, silent: Callable[[], bool]) -> AsyncIterator[Frame]:
    """Yield the frames of `track`; none while packets are missing, unless `silent` returns True."""
    stream = rtc.AudioStream(
        track, sample_rate=RATE, num_channels=1, frame_size_ms=round(FRAME_SECONDS * 1000), capacity=KEPT_FRAMES
    )
    gap = Gap(lambda: packets(track))
    try:
        async for event in stream:
            frame = Frame(bytes(event.frame.data), RATE)
            if silent() or frame.pcm.strip(b"\0"):
                gap.over()
                yield frame
            elif await gap.silence(frame.seconds):
                yield frame
    finally:
        await stream.aclose()


async def packets(track: rtc.Track) -> int:
    """Return the number of packets received on `track` so far."""
    stats = await track.get_stats()
    return sum(each.inbound_rtp.received.packets_received for each in stats if each.HasField("inbound_rtp"))
