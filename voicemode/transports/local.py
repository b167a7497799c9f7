"""The sound card of this machine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

from voicemode.audio.devices import Backend, Kind, Stream, open_backend, refused
from voicemode.audio.echo.canceller import Processing
from voicemode.audio.echo.level import EchoProgress
from voicemode.audio.frames import Frames, closing, stream
from voicemode.config import Settings
from voicemode.controls import Controls
from voicemode.errors import AudioDeviceError
from voicemode.tasks import alongside
from voicemode.transports import microphone
from voicemode.transports.base import Microphone, News, Played, Speaker
from voicemode.transports.cleaning import Cleaning
from voicemode.transports.microphone import Capture
from voicemode.transports.speaker import SpeakerStream

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
        cleaning: Cleaning | None = None,
    ) -> None:
        """Devices by index or part of their name, empty for the system's choice; `load` gives the sound library `backend`.

        Without `cleaning` our own voice stays in what is heard.
        """
        self._devices: dict[Kind, str] = {"input": input_device, "output": output_device}
        self._backend = backend
        self._load = load
        self._cleaning = cleaning or Cleaning("off", Processing())

    @classmethod
    def from_settings(cls, settings: Settings, controls: Controls) -> Self:
        devices = settings.input_device, settings.output_device, settings.audio_backend
        return cls(*devices, cleaning=Cleaning.from_settings(settings))

    @classmethod
    def plain(cls, settings: Settings) -> Self:
        """As it sounds: nothing is removed from what is heard."""
        return cls(settings.input_device, settings.output_device, settings.audio_backend)

    @property
    def echoes(self) -> bool:
        return self._cleaning.echoes

    @property
    def progress(self) -> EchoProgress | None:
        """Progress of echo removal; None before our voice has been heard for a while."""
        return self._cleaning.progress

    @asynccontextmanager
    async def microphones(self) -> AsyncIterator[AsyncIterator[Microphone]]:
        capture, timeline = Capture(), self._cleaning.timeline

        def deliver(pcm: bytes) -> None:
            timeline.hear(pcm)
            capture.deliver(pcm)

        async with self._opened("input", lambda sound, name: sound.open_input(name, microphone.RATE, deliver)) as device:
            capture.open(device.rate)
            timeline.open(device.rate, device.latency_seconds)
            try:
                await asyncio.to_thread(device.start)
                yield stream(Microphone(self._cleaning.of(capture)))
            finally:
                timeline.close()
                capture.close()

    async def play(self, frames: Frames, speaker: Speaker | None = None) -> Played:
        speaker = speaker or Speaker()
        playback = SpeakerStream(speaker, self._cleaning.timeline)
        async with (
            closing(frames),
            alongside(playback.supply(frames)),
            self._opened("output", lambda sound, name: sound.open_output(name, PLAY_RATE, playback.fill)) as device,
        ):
            await playback.sound(device)
        return speaker.played

    async def show(self, news: News) -> None:
        """There is no screen."""

    async def close(self) -> None:
        """Nothing is held."""

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
