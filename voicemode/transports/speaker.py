"""Audio passed from the event loop to a speaker's thread."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from voicemode.audio.devices import lost
from voicemode.audio.echo.timeline import PlaybackTrack, Timeline
from voicemode.audio.frames import SAMPLE_BYTES, Frame, Frames, pcm_of, samples_of
from voicemode.audio.resample import Resampler
from voicemode.transports.base import Speaker

PREBUFFER_SECONDS = 0.06
"""Audio buffered before playback starts or resumes, beyond the device's latency: keeps jitter inaudible."""
FADE_SECONDS = 0.005
"""Length of fades, which avoid the click of audio that is cut off."""
MAX_SECONDS = 30.0
"""Most audio buffered ahead of the speaker."""
PIECE_SECONDS = 0.05
"""Most audio resampled at once; more would block the event loop."""
FIRST_SECONDS = 3.0
"""Timeout for the first request of a device just opened: Bluetooth is slow."""
STALL_SECONDS = 0.6
"""Timeout after which a device that requests nothing counts as lost."""


async def nothing() -> None:
    """Do nothing: audio flows already."""


@dataclass(frozen=True, slots=True)
class OpenDevice:
    """An open speaker or microphone."""

    rate: int
    """Samples per second."""
    latency_seconds: float
    """Delay from `fill` to the ear, or from the mouth to `deliver`."""
    start: Callable[[], Awaitable[None]] = nothing
    """Callback that starts the audio. Raises AudioDeviceError."""


class PlaybackBuffer:
    """Buffer that a speaker's thread reads. It decides when to play, wait and fade; it never blocks on I/O."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._lock = threading.Lock()
        self._pcm = bytearray()
        self._rate = 0
        self._reserve_seconds = PREBUFFER_SECONDS
        self._flowing = self._interrupted = self._ended = self._cut = False
        self._volume = speaker.volume

    def open(self, device: OpenDevice) -> None:
        """Let samples be put and taken from now on, at the rate of `device`."""
        with self._lock:
            self._rate = device.rate
            self._reserve_seconds = PREBUFFER_SECONDS + device.latency_seconds

    def put(self, pcm: bytes) -> None:
        with self._lock:
            self._pcm += pcm

    def end(self) -> None:
        """Mark the end of the audio."""
        with self._lock:
            self._ended = True

    def cut(self) -> None:
        """Fade out at once and discard the rest."""
        with self._lock:
            self._cut = True

    @property
    def seconds(self) -> float:
        """Seconds of audio in the buffer."""
        with self._lock:
            return len(self._pcm) / SAMPLE_BYTES / self._rate if self._rate else 0.0

    @property
    def ready(self) -> bool:
        """True if there is enough audio to start playback."""
        return self._ended or self.seconds >= self._reserve_seconds

    @property
    def empty(self) -> bool:
        """True if the audio has ended and the device has taken all of it."""
        with self._lock:
            return self._ended and not self._pcm

    def take(self, samples: int) -> bytes:
        """Return the next `samples` for the device, padded with silence."""
        size = samples * SAMPLE_BYTES
        with self._lock:
            pcm = self._at_volume(self._next(size)) if self._rate else b""
            if pcm:
                self._speaker.took(len(pcm) / SAMPLE_BYTES / self._rate)
        return pcm + bytes(size - len(pcm))

    def _next(self, size: int) -> bytes:
        fade = self._bytes(FADE_SECONDS)
        if self._cut:
            return self._stop(min(size, fade))
        if not self._speaker.volume:
            # Playback resumes as after a gap; the device gets silence, so that it does not count as lost.
            self._interrupted = True
            return self._stop(min(size, fade))
        if not self._flowing:
            return self._begin(size, fade)
        if self._ended or len(self._pcm) >= size + fade:
            return self._pop(size)
        # Underrun: the network is late. A fade's worth of audio was held back, so playback can always fade out.
        self._interrupted = True
        return self._stop(size)

    def _begin(self, size: int, fade: int) -> bytes:
        if not self._ended and len(self._pcm) < max(self._bytes(self._reserve_seconds), size + fade):
            return b""
        self._flowing = True
        pcm = self._pop(size)
        return faded(pcm, fade, rising=True) if self._interrupted else pcm

    def _stop(self, size: int) -> bytes:
        was_flowing, self._flowing = self._flowing, False
        pcm = faded(self._pop(size), self._bytes(FADE_SECONDS), rising=False) if was_flowing else b""
        if self._cut:
            self._pcm.clear()
        return pcm

    def _at_volume(self, pcm: bytes) -> bytes:
        wanted = self._speaker.volume
        # A pause fades out at the old volume, and playback fades in again at the new one.
        before = self._volume or wanted
        self._volume = (wanted or before) if pcm else wanted
        return scaled(pcm, before, self._volume, self._bytes(FADE_SECONDS))

    def _pop(self, size: int) -> bytes:
        pcm = bytes(self._pcm[:size])
        del self._pcm[:size]
        return pcm

    def _bytes(self, seconds: float) -> int:
        return round(self._rate * seconds) * SAMPLE_BYTES


def faded(pcm: bytes, size: int, *, rising: bool) -> bytes:
    """Return `pcm` with its first `size` bytes fading in, or its last ones fading out."""
    samples = samples_of(pcm)
    length = min(size // SAMPLE_BYTES, len(samples))
    for step in range(length):
        index = step if rising else len(samples) - 1 - step
        samples[index] = samples[index] * step // length
    return pcm_of(samples)


def scaled(pcm: bytes, before: float, after: float, size: int) -> bytes:
    """Return `pcm` at the volume `after`, ramped from `before` over the first `size` bytes."""
    if before == after == 1:
        return pcm
    samples = samples_of(pcm)
    length = min(size // SAMPLE_BYTES, len(samples))
    for index, sample in enumerate(samples):
        volume = before + (after - before) * index / length if index < length else after
        samples[index] = round(sample * volume)
    return pcm_of(samples)


class SpeakerStream:
    """Playback of one stream of frames on one speaker, on the side of the event loop."""

    def __init__(self, speaker: Speaker, timeline: Timeline) -> None:
        """`timeline` gets the audio the speaker takes."""
        self._buffer = PlaybackBuffer(speaker)
        self._timeline = timeline
        self._track: PlaybackTrack | None = None
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[OpenDevice] = self._loop.create_future()
        self._ready = asyncio.Event()
        self._asked = asyncio.Event()
        self._room = asyncio.Event()

    def fill(self, samples: int) -> bytes:
        """Return the next `samples` for the device, whose thread calls this."""
        pcm = self._buffer.take(samples)
        if self._track:
            self._timeline.play(self._track, pcm)
        self._loop.call_soon_threadsafe(self._asked.set)
        return pcm

    async def supply(self, frames: Frames) -> None:
        """Buffer all of `frames`, of any rate, as they come. If they fail, the audio before that is still played."""
        try:
            await self._take(frames)
        finally:
            self._buffer.end()
            self._ready.set()

    async def _take(self, frames: Frames) -> None:
        resampler: Resampler | None = None
        async for frame in frames:
            # Not awaited earlier: the device opens while the first frame is on its way.
            resampler = resampler or Resampler((await asyncio.shield(self._opened)).rate)
            for piece in _pieces(frame):
                await self._put(resampler.convert(piece))
        if resampler:
            await self._put(resampler.finish())

    async def _put(self, frame: Frame) -> None:
        self._buffer.put(frame.pcm)
        if self._buffer.ready:
            self._ready.set()
        await asyncio.sleep(0)
        # No timeout here: `sound` detects a lost device.
        while self._buffer.seconds > MAX_SECONDS:
            self._room.clear()
            await self._room.wait()

    async def sound(self, device: OpenDevice) -> None:
        """Start `device` once there is audio; return when all was heard. Raises AudioDeviceError if the device is lost."""
        self._buffer.open(device)
        self._track = PlaybackTrack(device.rate, device.latency_seconds)
        self._opened.set_result(device)
        await self._ready.wait()
        try:
            await device.start()
            patience = FIRST_SECONDS
            while not self._buffer.empty:
                await self._next_request(patience)
                patience = STALL_SECONDS
                self._room.set()
            await asyncio.sleep(device.latency_seconds)
        finally:
            self._buffer.cut()

    async def _next_request(self, patience: float) -> None:
        self._asked.clear()
        try:
            async with asyncio.timeout(patience):
                await self._asked.wait()
        except TimeoutError:
            # A blocked event loop sees both at once: the timeout and the device's request meanwhile.
            if not self._asked.is_set():
                raise lost("output") from None


def _pieces(frame: Frame) -> Iterator[Frame]:
    size = round(frame.rate * PIECE_SECONDS) * SAMPLE_BYTES
    for start in range(0, len(frame.pcm), size):
        yield Frame(frame.pcm[start : start + size], frame.rate)
