"""Sound on its way from a microphone's thread to the event loop."""

import asyncio
import logging

from voicemode.audio.devices import lost
from voicemode.audio.frames import SAMPLE_BYTES, Frame
from voicemode.audio.resample import Resampler

log = logging.getLogger(__name__)

RATE = 16_000
"""Hertz, of what is delivered to the program."""
FRAME_SECONDS = 0.02
MAX_SECONDS = 120.0
"""Kept for a listener that lags behind (4 MB); then the oldest is lost."""
FIRST_SECONDS = 3.0
"""Patience for a device that has just been opened: Bluetooth takes its time."""
STALL_SECONDS = 0.6
"""A device that delivers nothing for so long is gone."""


class Capture:
    """Frames of an open microphone. An iterator that may be cancelled and asked again: nothing is lost by that."""

    def __init__(self) -> None:
        self.lost_seconds = 0.0
        """Seconds lost, because nobody listened for too long."""
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._pcm = bytearray()
        self._rate = RATE
        self._resampler = Resampler(RATE)
        self._patience = FIRST_SECONDS
        self._closed = False

    def deliver(self, pcm: bytes) -> None:
        """Called by the device's thread."""
        self._loop.call_soon_threadsafe(self._add, pcm)

    def open(self, rate: int) -> None:
        """The device is open and delivers `rate` samples per second."""
        self._rate = rate

    def close(self) -> None:
        """The microphone is closed: the iteration ends with what is here."""
        self._closed = True
        self._arrived.set()

    def __aiter__(self) -> "Capture":
        return self

    async def __anext__(self) -> Frame:
        """The next 20 ms. Raises AudioDeviceError when the device has gone away, after all that it had delivered."""
        size = self._bytes(FRAME_SECONDS)
        while len(self._pcm) < size:
            if self._closed:
                raise StopAsyncIteration
            await self._next_delivery()
        pcm = bytes(self._pcm[:size])
        del self._pcm[:size]
        return self._resampler.convert(Frame(pcm, self._rate))

    def _add(self, pcm: bytes) -> None:
        self._pcm += pcm
        excess = len(self._pcm) - self._bytes(MAX_SECONDS)
        if excess > 0:
            log.warning("Nobody has listened to the microphone for %.0f s; the oldest sound is lost.", MAX_SECONDS)
            self.lost_seconds += (excess + self._bytes(1.0)) / self._bytes(1.0)
            del self._pcm[: excess + self._bytes(1.0)]
        self._patience = STALL_SECONDS
        self._arrived.set()

    async def _next_delivery(self) -> None:
        self._arrived.clear()
        try:
            async with asyncio.timeout(self._patience):
                await self._arrived.wait()
        except TimeoutError:
            # A loop that was blocked finds both at once, the time limit and what was delivered meanwhile.
            if not self._arrived.is_set():
                raise lost("input") from None

    def _bytes(self, seconds: float) -> int:
        return round(self._rate * seconds) * SAMPLE_BYTES
