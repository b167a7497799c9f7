"""Microphone audio passed from the device's thread to the event loop."""

import asyncio
import logging

from voicemode.audio.devices import lost
from voicemode.audio.frames import SAMPLE_BYTES, Frame
from voicemode.audio.resample import Resampler

log = logging.getLogger(__name__)

RATE = 16_000
"""Sample rate in hertz of the frames delivered to the program."""
FRAME_SECONDS = 0.02
MAX_SECONDS = 120.0
"""Most audio buffered for a reader that lags behind (4 MB); beyond it the oldest is lost."""
FIRST_SECONDS = 3.0
"""Timeout for the first audio of a device just opened: Bluetooth is slow."""
STALL_SECONDS = 0.6
"""Timeout after which a device that delivers nothing counts as lost."""


class Capture:
    """Frames of an open microphone, an iterator that can be cancelled and resumed without loss."""

    def __init__(self) -> None:
        self.lost_seconds = 0.0
        """Seconds of audio lost because the reader lagged too far behind."""
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._pcm = bytearray()
        self._rate = RATE
        self._resampler = Resampler(RATE)
        self._patience = FIRST_SECONDS
        self._closed = False

    def deliver(self, pcm: bytes) -> None:
        """Pass on `pcm`; called by the device's thread."""
        self._loop.call_soon_threadsafe(self._add, pcm)

    def open(self, rate: int) -> None:
        """Set the sample rate of the device, which is open now."""
        self._rate = rate

    def close(self) -> None:
        """End the iteration after the frames already delivered: the microphone is closed."""
        self._closed = True
        self._arrived.set()

    def __aiter__(self) -> "Capture":
        return self

    async def __anext__(self) -> Frame:
        """Return the next 20 ms. Raises AudioDeviceError if the device was lost, after all it had delivered."""
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
            # A blocked event loop sees both at once: the timeout and audio delivered meanwhile.
            if not self._arrived.is_set():
                raise lost("input") from None

    def _bytes(self, seconds: float) -> int:
        return round(self._rate * seconds) * SAMPLE_BYTES
