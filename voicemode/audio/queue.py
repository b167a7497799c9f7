"""A queue of frames from one task to another."""

import asyncio
from typing import Self

from voicemode.audio.frames import Frame


class FrameQueue:
    """A stream of frames filled by `put`. A reader can be cancelled and another one continue without losing a frame."""

    def __init__(self) -> None:
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._news = asyncio.Event()
        self._used = False
        self._ended = False

    def put(self, frame: Frame) -> None:
        self._used = True
        self._news.set()
        self._frames.put_nowait(frame)

    def end(self) -> None:
        """Mark the end of the frames."""
        self._news.set()
        self._frames.put_nowait(None)

    async def begins(self) -> bool:
        """Wait for the first frame without taking it. Return False if the end comes first."""
        await self._news.wait()
        return self._used

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        if not self._ended and (frame := await self._frames.get()) is not None:
            return frame
        self._ended = True
        raise StopAsyncIteration
