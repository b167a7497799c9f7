"""Secrets that were given out, and until when each is good: pairing codes, and sessions of browsers.

Only hashes are kept, in a file for its owner alone, so that a restart keeps phones signed in, and the command line can make
codes for a server that runs. The secrets have 256 bits: a plain hash of them cannot be turned back. All of it blocks, shortly.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from voicemode.config.files import exclusive, write_atomically

SECRET_BYTES = 32
MOST = 200
"""More are not good at a time: whoever was let in first goes first."""

Clock = Callable[[], float]
"""Seconds since 1970: what is written down has to outlive the process."""


class Ledger:
    """The secrets of one kind."""

    def __init__(self, path: Path, good_seconds: float, clock: Clock = time.time) -> None:
        self._path = path
        self._good_seconds = good_seconds
        self._clock = clock

    def issue(self) -> str:
        """A new secret, good from now on. Raises ConfigError where the file cannot be written."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        with exclusive(self._path):
            self._note(secret)
        return secret

    def left_seconds(self, secret: str) -> float:
        """Return the seconds `secret` is still good; 0 if it is not."""
        return max(0.0, self._read().get(hashed(secret), 0.0) - self._clock())

    def renew(self, secret: str) -> None:
        """Let `secret` be good for the full time again, if it still is: it may just have been taken."""
        with exclusive(self._path):
            if self.left_seconds(secret):
                self._note(secret)

    def take(self, secret: str) -> bool:
        """True if `secret` was good; it is not any more. Of several who take it at once, one is told so."""
        if not self.left_seconds(secret):
            return False  # whoever guesses keeps nobody else from the file
        with exclusive(self._path):
            good = self._read()
            until = good.pop(hashed(secret), None)
            if until is not None:
                self._write(good)
        return until is not None

    def clear(self) -> int:
        """Nothing that was given out is good any more; how many that were."""
        with exclusive(self._path):
            count = len(self._read())
            self._write({})
        return count

    def _note(self, secret: str) -> None:
        good = self._read() | {hashed(secret): self._clock() + self._good_seconds}
        latest = sorted(good.items(), key=lambda entry: entry[1])[-MOST:]
        self._write(dict(latest))

    def _read(self) -> dict[str, float]:
        """Read the valid secrets, by hash. A damaged file holds none: people sign in again."""
        try:
            said = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(name): float(until) for name, until in said.items() if float(until) > self._clock()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _write(self, good: dict[str, float]) -> None:
        write_atomically(self._path, json.dumps(good).encode())


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
