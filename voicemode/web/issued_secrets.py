"""Issued secrets with their times of expiry: pairing codes, and sessions of browsers.

Only hashes are stored, in a file for its owner alone, so that phones stay signed in across restarts, and the command line
can issue codes for a running server. The secrets have 256 bits: their plain hashes cannot be reversed. All of it blocks.
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
"""Most secrets valid at a time; above that, the one that expires first is dropped."""

Clock = Callable[[], float]
"""Returns seconds since 1970: the times of expiry have to outlive the process."""


class Ledger:
    """The secrets of one kind."""

    def __init__(self, path: Path, good_seconds: float, clock: Clock = time.time) -> None:
        self._path = path
        self._good_seconds = good_seconds
        self._clock = clock

    def issue(self) -> str:
        """Return a new secret, valid from now on. Raises ConfigError if the file cannot be written."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        with exclusive(self._path):
            self._note(secret)
        return secret

    def left_seconds(self, secret: str) -> float:
        """Return the seconds for which `secret` is still valid; 0 if it is not."""
        return max(0.0, self._read().get(hashed(secret), 0.0) - self._clock())

    def renew(self, secret: str) -> None:
        """Extend `secret` to the full lifetime, unless it is no longer valid: it may just have been taken."""
        with exclusive(self._path):
            if self.left_seconds(secret):
                self._note(secret)

    def take(self, secret: str) -> bool:
        """Invalidate `secret`; True if it was valid. Of several concurrent calls only one returns True."""
        if not self.left_seconds(secret):
            return False  # a wrong guess does not lock the file
        with exclusive(self._path):
            good = self._read()
            until = good.pop(hashed(secret), None)
            if until is not None:
                self._write(good)
        return until is not None

    def clear(self) -> int:
        """Invalidate all secrets; return the number of those that were valid."""
        with exclusive(self._path):
            count = len(self._read())
            self._write({})
        return count

    def _note(self, secret: str) -> None:
        good = self._read() | {hashed(secret): self._clock() + self._good_seconds}
        latest = sorted(good.items(), key=lambda entry: entry[1])[-MOST:]
        self._write(dict(latest))

    def _read(self) -> dict[str, float]:
        """Return the expiry of each valid secret by its hash. A damaged file holds none: people sign in again."""
        try:
            said = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(name): float(until) for name, until in said.items() if float(until) > self._clock()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _write(self, good: dict[str, float]) -> None:
        write_atomically(self._path, json.dumps(good).encode())


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
