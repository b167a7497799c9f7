"""Where voice comes from and goes to: a sound card, a room, a list in memory."""

import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from voicemode.audio.frames import Frame, Frames


@dataclass(slots=True)
class Played:
    """How much has been heard. Kept up to date while playing, so it is right after a cancellation, too."""

    seconds: float = 0.0
    """Audio the device has taken, less what a cancellation threw away."""
    started_at: float | None = None
    """`time.monotonic()` when the first frame was handed to the device."""

    def add(self, frame: Frame) -> None:
        """Count `frame` as heard; for transports without a device clock."""
        if self.started_at is None:
            self.started_at = time.monotonic()
        self.seconds += frame.seconds


class Transport(Protocol):
    name: str

    def microphone(self) -> AbstractAsyncContextManager[Frames]:
        """Frames of 16 kHz, 10 to 40 ms each, captured exactly as long as this context is open.

        Raises AudioDeviceError at once if the device cannot be opened, and from the iterator within 1 s if it goes away.
        """

    async def play(self, frames: Frames, played: Played | None = None) -> Played:
        """Play; return once the last frame was heard. Cancelling silences the speaker at once. `frames` is closed at the end.

        `played` is filled in while playing, for a caller that may cancel. Raises AudioDeviceError, and what `frames` raises
        once all that came before it was heard.
        """
