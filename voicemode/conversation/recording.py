"""A recording on disk while it is being made, so that not even a crash loses what a person said."""

import asyncio
import logging
import os
import threading
import time
from collections import deque
from pathlib import Path

from voicemode.audio.frames import Frame
from voicemode.audio.wav import wav_header
from voicemode.errors import RecordingKeptError, VoiceModeError

log = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
"""At most so much audio is only in memory."""


class Recording:
    """A WAV file of one turn, mode 0600, made with its first frame: silence alone leaves nothing behind."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"turn-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.monotonic_ns() % 1_000_000:06d}.wav"
        self._pending = deque[bytes]()
        self._pending_seconds = 0.0
        self._rate = 0
        self._written = 0
        self._broken = False
        self._lock = threading.Lock()
        """Held by whoever takes from what is pending and writes it, so that all is written in order."""

    @property
    def kept(self) -> bool:
        """True if there is a file."""
        return self._written > 0

    def write(self, frame: Frame) -> None:
        """Add `frame`; a thread brings it to the disk."""
        self._rate = frame.rate
        self._pending.append(frame.pcm)
        self._pending_seconds += frame.seconds
        if self._pending_seconds >= FLUSH_SECONDS:
            self._pending_seconds = 0.0
            asyncio.get_running_loop().run_in_executor(None, self._flush)

    def close(self) -> None:
        """Bring the rest to the disk."""
        # Not in a thread: whoever is cancelled twice must not leave the last second of what was said in memory.
        self._flush()

    def failure(self, error: VoiceModeError) -> VoiceModeError:
        """The error of a turn that failed after its first word: `error`, and where what was said is kept, if it is."""
        self.close()
        return RecordingKeptError(str(error), self.path) if self.kept else error

    def discard(self) -> None:
        """Delete it: what was said has arrived, or is not to be kept."""
        with self._lock:
            self._pending.clear()
            self.path.unlink(missing_ok=True)
            self._written = 0

    def save(self) -> None:
        """Keep it, as the person wants: under a name by which it is not deleted some day."""
        self.close()
        if self.kept:
            self.path = self.path.rename(self.path.with_name(self.path.name.replace("turn-", "saved-", 1)))

    def _flush(self) -> None:
        """Append what is pending. A disk that fails costs the copy, not the turn."""
        with self._lock:
            pcm = b"".join(self._pending.popleft() for _ in range(len(self._pending)))
            if not pcm or self._broken:
                return
            try:
                self._append(pcm)
            except OSError as error:
                self._broken = True
                log.warning("The turn is not kept on disk: %s cannot be written (%s).", self.path, error.strerror)

    def _append(self, pcm: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(self.path, flags, 0o600), "wb") as file:
            file.seek(len(wav_header(self._rate)) + self._written)
            file.write(pcm)
            self._written += len(pcm)
            file.seek(0)
            file.write(wav_header(self._rate, self._written))
