"""The sound card of this machine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

from voicemode.audio.alongside import alongside
from voicemode.audio.devices import Backend, Kind, Stream, open_backend, refused
from voicemode.audio.frames import Frames, closing
from voicemode.config import Settings
from voicemode.errors import AudioDeviceError
from voicemode.transports import microphone
from voicemode.transports.base import Played
from voicemode.transports.microphone import Capture
from voicemode.transports.speaker import Playback

PLAY_RATE = 24_000
"""Hertz asked of the speaker: what speech engines make. Other frames are converted."""
OPEN_SECONDS = 3.0
"""Patience for a device that does not open; a sound server that hangs would never say so."""
CLOSE_SECONDS = 0.15
"""So long a cancelled turn waits for a device to close; a slower one closes behind our back."""


class LocalTransport:
    """Microphone and speaker, opened for each use, so that they follow the system's choice and are never held."""

    name = "local"

    def __init__(
        self,
        input_device: str = "",
        output_device: str = "",
        backend: str = "auto",
        load: Callable[[str], Backend] = open_backend,
    ) -> None:
        """Devices by index or part of their name, empty for the system's choice; `load` gives the sound library `backend`."""
        self._devices: dict[Kind, str] = {"input": input_device, "output": output_device}
        self._backend = backend
        self._load = load

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings.input_device, settings.output_device, settings.audio_backend)

    @asynccontextmanager
    async def microphone(self) -> AsyncIterator[Frames]:
        capture = Capture()
        opened = self._opened("input", lambda sound, name: sound.open_input(name, microphone.RATE, capture.deliver))
        async with opened as stream:
            capture.open(stream.rate)
            try:
                await asyncio.to_thread(stream.start)
                yield capture
            finally:
                capture.close()

    async def play(self, frames: Frames, played: Played | None = None) -> Played:
        played = played or Played()
        playback = Playback(played)
        async with (
            closing(frames),
            alongside(playback.supply(frames)),
            self._opened("output", lambda sound, name: sound.open_output(name, PLAY_RATE, playback.fill)) as stream,
        ):
            await playback.sound(stream)
        return played

    @asynccontextmanager
    async def _opened(self, kind: Kind, start: Callable[[Backend, str], Stream]) -> AsyncIterator[Stream]:
        name = self._devices[kind]
        opening = asyncio.create_task(asyncio.to_thread(lambda: start(self._load(self._backend), name)))
        try:
            # Not cancelled: a device whose opening is given up would stay open, with nobody to close it.
            if opening not in (await asyncio.wait([opening], timeout=OPEN_SECONDS))[0]:
                raise refused(kind, name, f"it did not open within {OPEN_SECONDS:g} s")
            yield opening.result()
        finally:
            closing = asyncio.create_task(_close(opening))
            await asyncio.wait({closing}, timeout=CLOSE_SECONDS)


async def _close(opening: "asyncio.Task[Stream]") -> None:
    try:
        stream = await opening
    except AudioDeviceError:
        return
    await asyncio.to_thread(stream.close)
