"""The audio type used throughout the program."""

import asyncio
import math
import sys
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

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


PAUSE = Frame(b"", 16_000)
"""Marker of a pause in a stream of speech; frames after it mean that the person went on."""

T = TypeVar("T")

Frames = AsyncIterator[Frame]


def samples_of(pcm: bytes) -> "array[int]":
    """Return 16-bit little-endian PCM as an array of numbers."""
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def pcm_of(samples: "array[int]") -> bytes:
    """Return numbers from -32768 to 32767, an array of type "h", as 16-bit little-endian PCM."""
    if sys.byteorder == "big":
        samples = samples[:]
        samples.byteswap()
    return samples.tobytes()


def silence(seconds: float, rate: int) -> Frame:
    return Frame(bytes(round(seconds * rate) * SAMPLE_BYTES), rate)


def join(frames: Iterable[Frame], rate: int) -> Frame:
    """Concatenate `frames`, which must share `rate`, into one."""
    return Frame(b"".join(frame.pcm for frame in frames), rate)


class Chunks:
    """Buffer that cuts frames of any length into frames of exactly `seconds`, as VADs require."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._pending = bytearray()

    def cut(self, frame: Frame) -> Iterator[Frame]:
        """Yield the chunks that `frame` completes and keep the rest for the next one."""
        self._pending += frame.pcm
        size = round(frame.rate * self._seconds) * SAMPLE_BYTES
        while len(self._pending) >= size:
            chunk = bytes(self._pending[:size])
            del self._pending[:size]
            yield Frame(chunk, frame.rate)


async def stream(*items: T) -> AsyncIterator[T]:
    """Yield `items` as a stream."""
    for item in items:
        yield item
        await asyncio.sleep(0)


@asynccontextmanager
async def closing(items: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close `items` on exit, with any connection or task it holds, rather than at some later garbage collection."""
    try:
        yield items
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()


FULL_SCALE = 32768
SILENCE_DB = -96.0
"""Level of silence: half of the smallest 16-bit step."""


def level_db(frame: Frame) -> float:
    """Return the RMS level of `frame` in dB relative to full scale: -20 is a voice nearby, -60 a quiet room."""
    samples = samples_of(frame.pcm)
    power = sum(sample * sample for sample in samples) / max(1, len(samples))
    return max(SILENCE_DB, 10 * math.log10(power / FULL_SCALE**2)) if power else SILENCE_DB
