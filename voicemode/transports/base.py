"""Transports, the sources and sinks of voice: a sound card, a room, a list in memory."""

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from voicemode.audio.frames import Frames
from voicemode.controls import Doing
from voicemode.errors import AudioDeviceError


@dataclass(frozen=True, slots=True)
class Played:
    """Amount of audio played."""

    seconds: float = 0.0
    """Seconds of audio the device has taken, less any that a cancellation discarded."""
    started_at: float | None = None
    """`time.monotonic()` when the first frame was handed to the device."""


@dataclass(slots=True)
class Speaker:
    """Our voice during playback."""

    volume: float = 1.0
    """Volume, settable at any time: 1 is normal, 0 pauses, so that no more audio is taken until it is raised."""
    played: Played = Played()
    """Amount played so far; exact at any time, also after a cancellation."""

    def took(self, seconds: float) -> None:
        """Count `seconds` more as played; fewer if negative."""
        started_at = time.monotonic() if self.played.started_at is None else self.played.started_at
        self.played = Played(max(0.0, self.played.seconds + seconds), started_at)


@dataclass(frozen=True, slots=True)
class Microphone:
    """One person's audio."""

    frames: Frames
    """Frames of 10 to 40 ms at 16 kHz until this person leaves. Raises AudioDeviceError within 1 s of losing a device."""
    speaker: str = ""
    """Name of the person; empty if there can only be one."""


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of the transcript, for people with a screen."""

    text: str
    speaker: str = ""
    """Name of its speaker; empty for us."""
    final: bool = True
    """False if a longer or different version can follow."""
    segment: str = ""
    """Identifier shared by all versions of one utterance: a later version replaces an earlier one."""
    interrupted: bool = False
    """True if somebody interrupted us before the end."""


News = Doing | Words
"""State or transcript to show."""


class Transport(Protocol):
    name: str

    @property
    def echoes(self) -> bool:
        """True if microphone audio can still contain our own voice: then nobody can interrupt us."""

    def microphones(self) -> AbstractAsyncContextManager[AsyncIterator[Microphone]]:
        """Yield the microphones of the people present, each as it appears, open exactly as long as this context.

        A sound card has one. The echo of our own voice is already removed where possible. Raises AudioDeviceError at once
        if there is none and none can appear.
        """

    async def play(self, frames: Frames, speaker: Speaker | None = None) -> Played:
        """Play `frames`, then close it; return once the last one was heard. Cancelling silences the speaker at once.

        `speaker` is for a caller that sets the volume meanwhile, or can cancel. Raises AudioDeviceError, and any error of
        `frames` once the audio before it was heard.
        """

    async def show(self, news: News) -> None:
        """Show `news` to people who have a screen; never waits and never fails."""

    async def close(self) -> None:
        """Release the resources held between turns."""


@asynccontextmanager
async def one(transport: Transport) -> AsyncIterator[Frames]:
    """Open the first microphone for the length of this context. Raises AudioDeviceError if there is none."""
    async with transport.microphones() as microphones:
        async for microphone in microphones:
            yield microphone.frames
            return
        raise AudioDeviceError("There is no microphone.")
