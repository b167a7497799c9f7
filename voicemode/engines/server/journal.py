"""One line in the log and one in the tally for every request: never its content or query."""

import logging
import time
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicemode.engines.server.counters import FAILED, Counters
from voicemode.engines.server.queue import EngineHost

log = logging.getLogger("voicemode.services.api")

LOOKING = frozenset({"/health", "/metrics"})
"""Paths of whoever looks after us: not counted, not logged, and no reason to stay."""


class RequestJournal:
    """Keeps the room from being idle during a request, logs and counts it."""

    def __init__(self, app: ASGIApp, *, room: EngineHost[object], tally: Counters, paths: Collection[str]) -> None:
        """`paths` are counted by name; all others together, so that nobody can fill the memory with new ones."""
        self._app = app
        self._room = room
        self._tally = tally
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in LOOKING:
            await self._app(scope, receive, send)
            return
        entry = AccessRecord(send)
        path = scope["path"] if scope["path"] in self._paths else "other"
        try:
            with self._room.occupied():
                await self._app(scope, receive, entry.noted)
        except Exception:
            entry.broken = True
            raise
        finally:
            self._write(entry, path)
            log.info("%s %r %d %.2f s", scope["method"], scope["path"], entry.status, entry.seconds)

    def _write(self, entry: "AccessRecord", path: str) -> None:
        self._tally.requests.add(path=path, status=str(entry.status))
        if entry.first_byte_seconds is not None:
            self._tally.first_byte.observe(entry.first_byte_seconds, path=path)
        if entry.status >= FAILED or entry.broken:
            self._tally.errors.add(path=path)


class AccessRecord:
    """Record of one request."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._began = time.monotonic()
        self.status = FAILED
        """Status answered for us if we answer nothing."""
        self.first_byte_seconds: float | None = None
        self.broken = False
        """Did the answer end with a crash, in the middle perhaps?"""

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    async def noted(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        if self.first_byte_seconds is None and message.get("body"):
            self.first_byte_seconds = self.seconds
        await self._send(message)
