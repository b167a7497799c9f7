"""Cleaning of this machine's microphone audio: echo cancellation, noise suppression, gain control."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Literal, Self

from voicemode.audio.echo.canceller import Canceller, Cleaner, Processing, available
from voicemode.audio.echo.level import EchoProgress
from voicemode.audio.echo.timeline import Timeline
from voicemode.audio.frames import Frame, Frames
from voicemode.config import Settings
from voicemode.config.installer import to_install
from voicemode.errors import ConfigError
from voicemode.transports.microphone import Capture

log = logging.getLogger(__name__)

BargeIn = Literal["auto", "off", "on", "headphones"]
"""Barge-in, in this order: once our voice is removed well enough, never, always, always without removing anything."""


class Cleaning:
    """Cleaning for one sound card. Lives as long as its transport, as a canceller adapts to its room."""

    def __init__(self, barge_in: BargeIn, processing: Processing, load: Callable[[Processing], Canceller] = Canceller) -> None:
        self.timeline = Timeline()
        """Reference signal of the canceller: the speaker's output."""
        self._barge_in = barge_in
        self._processing = processing
        self._load = load
        self._loading: asyncio.Task[Canceller | None] | None = None

    @classmethod
    def from_settings(cls, settings: Settings, installed: bool | None = None) -> Self:
        """Return the cleaning for `settings`. Raises ConfigError if a required library is not `installed` (None: detect)."""
        wanted = Processing(
            echo=settings.barge_in in ("auto", "on"),
            noise_suppression=settings.noise_suppression,
            gain_control=settings.gain_control,
        )
        if available() if installed is None else installed:
            return cls(settings.barge_in, wanted)
        if settings.barge_in == "on" or wanted.noise_suppression or wanted.gain_control:
            raise ConfigError(
                "Barge-in, noise suppression and gain control need a library that is not installed.",
                hint=to_install(extra="echo"),
            )
        return cls(settings.barge_in, Processing())

    @property
    def echoes(self) -> bool:
        """True if microphone audio can contain our own voice in spite of any cleaning."""
        match self._barge_in:
            case "headphones":
                return False
            case "off":
                return True
        if not self._processing.echo or self._failed:
            return True
        return self._barge_in == "auto" and self.progress is not None and not self.progress.converged

    @property
    def progress(self) -> EchoProgress | None:
        """Progress of echo removal; None before our voice has been heard for a while."""
        return self.canceller.progress if self.canceller else None

    def of(self, capture: Capture) -> Frames:
        """Return the frames of `capture`, cleaned as requested by the settings."""
        if not self._processing.any:
            return capture
        if self._loading is None:
            # Not awaited: hearing the first word matters more than being interruptible during it.
            self._loading = asyncio.create_task(self._load_it())
        return Cleaned(capture, self)

    async def loaded(self) -> None:
        """Wait for the canceller to load or to fail, if loading has begun."""
        if self._loading:
            await self._loading

    @property
    def canceller(self) -> Canceller | None:
        """Loaded canceller; None before that."""
        return self._loading.result() if self._loading and self._loading.done() and not self._loading.cancelled() else None

    @property
    def _failed(self) -> bool:
        return self._loading is not None and self._loading.done() and self.canceller is None

    async def _load_it(self) -> Canceller | None:
        try:
            return await asyncio.to_thread(self._load, self._processing)
        except Exception as error:  # the library raises nothing narrower on an unsupported machine
            log.warning("Our own voice cannot be removed from what is heard, so nobody can interrupt it: %s", error)
            return None


class Cleaned:
    """Cleaned frames of a capture; like that, an iterator that can be cancelled and resumed."""

    def __init__(self, capture: Capture, cleaning: Cleaning) -> None:
        self._capture = capture
        self._cleaning = cleaning
        self._cleaner = Cleaner(cleaning.timeline)
        self._lost_seconds = 0.0
        self._ready: deque[Frame] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        while not self._ready:
            frame = await anext(self._capture)
            self._cleaner.skip(self._capture.lost_seconds - self._lost_seconds)
            self._lost_seconds = self._capture.lost_seconds
            self._ready.extend(self._cleaner.clean(frame, self._cleaning.canceller))
        return self._ready.popleft()
