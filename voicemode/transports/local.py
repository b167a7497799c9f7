"""The sound card of this machine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

from voicemode.audio.devices import Backend, Stream, open_backend
from voicemode.audio.frames import Frames
from voicemode.config import Settings
from voicemode.errors import AudioDeviceError
from voicemode.transports import microphone
from voicemode.transports.base import Played
from voicemode.transports.microphone import Capture
from voicemode.transports.speaker import Playback

PLAY_RATE = 24_000
"""Hertz asked of the speaker: what speech engines make. Other frames are converted."""
CLOSE_SECONDS = 0.15
"""So long a cancelled turn waits for a device to close; a slower one closes behind our back."""


class LocalTransport:
    """Microphone and speaker, opened for each use, so that they follow the system's choice and are never held."""

    name = "local"

    def __init__(self, input_device: str = "", output_device: str = "", backend: str = "auto") -> None:
        """Devices by index or part of their name, empty for the system's choice; `backend` as `open_backend` takes it."""
        self._input = input_device
        self._output = output_device
        self._backend = backend

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings.input_device, settings.output_device, settings.audio_backend)

    @asynccontextmanager
    async def microphone(self) -> AsyncIterator[Frames]:
        capture = Capture()
        async with self._opened(lambda sound: sound.open_input(self._input, microphone.RATE, capture.deliver)) as stream:
            capture.open(stream.rate)
            try:
                await asyncio.to_thread(stream.start)
                yield capture
            finally:
                capture.close()

    async def play(self, frames: Frames, played: Played | None = None) -> Played:
        played = played or Played()
        playback = Playback(played)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sound(playback))
                await playback.supply(frames)
        except BaseExceptionGroup as failures:
            # What failed is one thing to the caller; the other half was only cancelled.
            raise failures.exceptions[0] from failures.exceptions[0].__cause__
        return played

    async def _sound(self, playback: Playback) -> None:
        async with self._opened(lambda sound: sound.open_output(self._output, PLAY_RATE, playback.fill)) as stream:
            await playback.sound(stream)

    @asynccontextmanager
    async def _opened(self, start: Callable[[Backend], Stream]) -> AsyncIterator[Stream]:
        opening = asyncio.create_task(asyncio.to_thread(lambda: start(open_backend(self._backend))))
        try:
            # Shielded: a device whose opening is cancelled would stay open, with nobody to close it.
            yield await asyncio.shield(opening)
        finally:
            closing = asyncio.create_task(_close(opening))
            await asyncio.wait({closing}, timeout=CLOSE_SECONDS)


async def _close(opening: "asyncio.Task[Stream]") -> None:
    try:
        stream = await opening
    except AudioDeviceError:
        return
    await asyncio.to_thread(stream.close)
