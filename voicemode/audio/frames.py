"""The one audio type that flows through the program."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """Mono, 16-bit little-endian PCM."""

    pcm: bytes
    rate: int
    """Samples per second."""

    @property
    def seconds(self) -> float:
        return len(self.pcm) / SAMPLE_BYTES / self.rate


Frames = AsyncIterator[Frame]


def silence(seconds: float, rate: int) -> Frame:
    return Frame(bytes(round(seconds * rate) * SAMPLE_BYTES), rate)


def join(frames: Iterable[Frame], rate: int) -> Frame:
    """One frame of all of them; they must share `rate`."""
    return Frame(b"".join(frame.pcm for frame in frames), rate)


async def rechunk(frames: Frames, seconds: float) -> Frames:
    """Yield frames of exactly `seconds`, as VADs demand; a short tail is dropped."""
    pending = bytearray()
    async for frame in frames:
        pending += frame.pcm
        size = round(frame.rate * seconds) * SAMPLE_BYTES
        while len(pending) >= size:
            yield Frame(bytes(pending[:size]), frame.rate)
            del pending[:size]


async def stream(*frames: Frame) -> Frames:
    """Frames that are already here, as a stream."""
    for frame in frames:
        yield frame
        await asyncio.sleep(0)
