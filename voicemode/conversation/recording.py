"""A recording written to disk while it is made, so that not even a crash loses a person's speech."""

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
"""Seconds of audio that collect in memory before they are written."""


class Recording:
    """A WAV file of one turn, mode 0600, created by its first write: a turn without speech leaves no file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"turn-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.monotonic_ns() % 1_000_000:06d}.wav"
        self._pending = deque[bytes]()
        self._pending_seconds = 0.0
        self._rate = 0
        self._written = 0
        self._broken = False
        self._lock = threading.Lock()
        """Held while pending audio is taken and written, so that it is written in order."""

    @property
    def kept(self) -> bool:
        """True if there is a file."""
        return self._written > 0

    def write(self, frame: Frame) -> None:
        """Add `frame`; a thread writes it to disk."""
        self._rate = frame.rate
        self._pending.append(frame.pcm)
        self._pending_seconds += frame.seconds
        if self._pending_seconds >= FLUSH_SECONDS:
            self._pending_seconds = 0.0
            asyncio.get_running_loop().run_in_executor(None, self._flush)

    def close(self) -> None:
        """Write the rest to disk."""
        # Not in a thread: a second cancellation must not leave the last second of speech in memory.
        self._flush()

    def failure(self, error: VoiceModeError) -> VoiceModeError:
        """Return `error` of a turn that failed after its first word, with the path of the recording if there is one."""
        self.close()
        return RecordingKeptError(str(error), self.path) if self.kept else error

    def discard(self) -> None:
        """Delete the recording: its transcript has arrived, or it is not to be kept."""
        with self._lock:
            self._pending.clear()
            self.path.unlink(missing_ok=True)
            self._written = 0

    def save(self) -> None:
        """Keep the recording, as requested, under a name that is never pruned."""
        self.close()
        if self.kept:
            self.path = self.path.rename(self.path.with_name(self.path.name.replace("turn-", "saved-", 1)))

    def _flush(self) -> None:
        """Append pending audio. A disk failure costs the recording, not the turn."""
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
