"""The sound card of this machine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Self, TypeVar

from voicemode.audio.devices import Backend, Kind, Stream, open_backend, refused
from voicemode.audio.echo.canceller import Processing
from voicemode.audio.echo.level import EchoProgress
from voicemode.audio.frames import Frames, closing, stream
from voicemode.config import Settings
from voicemode.controls import Controls
from voicemode.errors import AudioDeviceError
from voicemode.tasks import alongside, in_thread, seen
from voicemode.transports import microphone
from voicemode.transports.base import Microphone, News, Played, Speaker
from voicemode.transports.cleaning import Cleaning
from voicemode.transports.microphone import Capture
from voicemode.transports.speaker import OpenDevice, SpeakerStream

T = TypeVar("T")

PLAY_RATE = 24_000
"""Sample rate in hertz requested from the speaker, that of speech engines. Other frames are converted."""
PATIENCE_SECONDS = 3.0
"""Timeout for a device to open or start; a hanging sound server would never report an error."""
CLOSE_SECONDS = 0.15
"""Time a cancelled turn waits for a device to close; a slower one closes in the background."""
MAX_HANGING = 8
"""Most calls of a sound library that can hang at once; more would only waste threads."""


class LocalTransport:
    """Microphone and speaker, opened for each use, so that they follow the system's default and are never held."""

    name = "local"

    def __init__(
        self,
        input_device: str = "",
        output_device: str = "",
        backend: str = "auto",
        load: Callable[[str], Backend] = open_backend,
        cleaning: Cleaning | None = None,
    ) -> None:
        """Devices by index or part of their name, empty for the system's default; `load` opens the sound library `backend`.

        Without `cleaning` microphone audio still contains our own voice.
        """
        self._devices: dict[Kind, str] = {"input": input_device, "output": output_device}
        self._backend = backend
        self._load = load
        self._cleaning = cleaning or Cleaning("off", Processing())
        self._calls = set[asyncio.Future[Any]]()
        """Running calls of the sound library, each in its own thread."""
        self._closing = set[asyncio.Task[None]]()
        """Microphones being closed."""

    @classmethod
    def from_settings(cls, settings: Settings, controls: Controls) -> Self:
        devices = settings.input_device, settings.output_device, settings.audio_backend
        return cls(*devices, cleaning=Cleaning.from_settings(settings))

    @classmethod
    def plain(cls, settings: Settings) -> Self:
        """Return a transport without any cleaning of microphone audio."""
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
                await device.start()
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
        """Do nothing: there is no screen."""

    async def close(self) -> None:
        """Do nothing: no device is held."""

    @asynccontextmanager
    async def _opened(self, kind: Kind, open_device: Callable[[Backend, str], Stream]) -> AsyncIterator[OpenDevice]:
        name = self._devices[kind]
        if len(self._calls) >= MAX_HANGING:
            raise refused(kind, name, "earlier attempts still hang")
        if kind == "input" and self._closing:
            # A cancelled turn can have left one still closing: no two are open at once.
            await asyncio.wait(self._closing, timeout=PATIENCE_SECONDS)
        opening = self._call(lambda: open_device(self._load(self._backend), name))
        try:
            device = await self._bounded(opening, kind, "open")
            yield OpenDevice(
                device.rate, device.latency_seconds, lambda: self._bounded(self._call(device.start), kind, "start")
            )
        finally:
            closing = asyncio.create_task(self._close(opening))
            if kind == "input":
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
            await asyncio.wait({closing}, timeout=CLOSE_SECONDS)

    def _call(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Start `work`, a call of the sound library. It must not be cancelled: a device would stay open for good."""
        call = in_thread(work)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        call.add_done_callback(seen)
        return call

    async def _bounded(self, call: asyncio.Future[T], kind: Kind, doing: str) -> T:
        if call not in (await asyncio.wait([call], timeout=PATIENCE_SECONDS))[0]:
            raise refused(kind, self._devices[kind], f"it did not {doing} within {PATIENCE_SECONDS:g} s")
        return call.result()

    async def _close(self, opening: asyncio.Future[Stream]) -> None:
        with suppress(AudioDeviceError):
            await self._call((await opening).close)
