"""Where voice comes from and goes to: a sound card, a room, a list in memory."""

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
    """Amount of audio that was heard."""

    seconds: float = 0.0
    """Audio the device has taken, less what a cancellation threw away."""
    started_at: float | None = None
    """`time.monotonic()` when the first frame was handed to the device."""


@dataclass(slots=True)
class Speaker:
    """Our voice while it sounds."""

    volume: float = 1.0
    """May be set at any time: 1 is normal, 0 holds: nothing more is taken, our voice waits where it is."""
    played: Played = Played()
    """So far; right at any time, also after a cancellation."""

    def took(self, seconds: float) -> None:
        """Count `seconds` more as heard; less, where they are negative."""
        started_at = time.monotonic() if self.played.started_at is None else self.played.started_at
        self.played = Played(max(0.0, self.played.seconds + seconds), started_at)


@dataclass(frozen=True, slots=True)
class Microphone:
    """One person's audio."""

    frames: Frames
    """16 kHz, 10 to 40 ms each; they end when this person leaves. Raises AudioDeviceError within 1 s if a device goes away."""
    speaker: str = ""
    """Who is heard; empty where there is only one person."""


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of the transcript, for those who can see."""

    text: str
    speaker: str = ""
    """Who said it; empty is us."""
    final: bool = True
    """False while more, or something else, may follow."""
    segment: str = ""
    """Identifier shared by all versions of one utterance: a later one replaces an earlier one."""
    interrupted: bool = False
    """We were to say more, and somebody talked over us."""


News = Doing | Words
"""What goes on."""


class Transport(Protocol):
    name: str

    @property
    def echoes(self) -> bool:
        """True if our own voice may still be in what is heard: then nobody can interrupt us."""

    def microphones(self) -> AbstractAsyncContextManager[AsyncIterator[Microphone]]:
        """The microphones of the people there, each as it comes up, open exactly as long as this context.

        A sound card has one. Echo of our own voice is already removed where that is possible. Raises AudioDeviceError at
        once if there is none and none can come.
        """

    async def play(self, frames: Frames, speaker: Speaker | None = None) -> Played:
        """Play; return once the last frame was heard. Cancelling silences the speaker at once. `frames` is closed at the end.

        `speaker` is for a caller that sets the volume meanwhile, or may cancel. Raises AudioDeviceError, and what `frames`
        raises once all that came before it was heard.
        """

    async def show(self, news: News) -> None:
        """Let people see `news` where there is a screen; takes no time and never fails."""

    async def close(self) -> None:
        """Leave what is held between turns."""


@asynccontextmanager
async def one(transport: Transport) -> AsyncIterator[Frames]:
    """Open the first microphone for as long as this context. Raises AudioDeviceError if there is none."""
    async with transport.microphones() as microphones:
        async for microphone in microphones:
            yield microphone.frames
            return
        raise AudioDeviceError("There is no microphone.")
