"""Frames on their way from one task to another."""

import asyncio
from typing import Self

from voicemode.audio.frames import PAUSE, Frame, join


class FrameQueue:
    """A `Frames` that is put into. Whoever waits for a frame may be cancelled, and another go on: none is lost."""

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
        """There will be no more."""
        self._news.set()
        self._frames.put_nowait(None)

    async def begins(self) -> bool:
        """Wait for the first frame, without taking it; False if the end comes first."""
        await self._news.wait()
        return self._used

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        if not self._ended and (frame := await self._frames.get()) is not None:
            return frame
        self._ended = True
        raise StopAsyncIteration


class Outlet:
    """Puts what is said in a turn on a line, and marks its pauses. A pause's silence follows, in one frame, if more is said."""

    def __init__(self) -> None:
        self.line = FrameQueue()
        self._withheld: list[Frame] = []
        self._paused = self._sound = False

    def put(self, frame: Frame, *, is_speech: bool) -> None:
        if self._paused:
            self._withheld.append(frame)
            self._sound = self._sound or is_speech
        else:
            self.line.put(frame)

    def pause(self) -> None:
        """There is a pause now."""
        self._paused = True
        self.line.put(PAUSE)

    def go_on(self) -> None:
        """It has ended: more is said."""
        if self._withheld:
            self.line.put(join(self._withheld, self._withheld[0].rate))
        self._withheld.clear()
        self._paused = self._sound = False

    def end(self, *, silence: bool) -> None:
        """Nothing more is said. The `silence` of the last pause follows if it is wanted; a sound in it may yet be a word."""
        if silence or self._sound:
            self.go_on()
        self.line.end()
