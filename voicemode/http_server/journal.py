"""A log line for every request, without its content or query, which can hold a token; and the server's activity."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicemode.http_server.errors import FAILED

log = logging.getLogger(__name__)

LOOKING = frozenset({"/health", "/metrics"})
"""Paths for monitoring: not counted, not logged, and no activity."""
ACCEPTED = 101
"""Status of a WebSocket that was accepted."""


class Activity:
    """Activity of the server: requests being answered, WebSockets that are open."""

    def __init__(self) -> None:
        self._inside = 0
        self._left_at = time.monotonic()
        self.requests = 0
        """Requests answered since the start."""

    @property
    def idle_seconds(self) -> float:
        """Seconds since the last request ended; 0 during one."""
        return 0.0 if self._inside else time.monotonic() - self._left_at

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Keep the server from being idle within this context."""
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._left_at = time.monotonic()


class AccessRecord:
    """Record of one request."""

    def __init__(self, path: str, send: Send) -> None:
        self.path = path
        self._send = send
        self._began = time.monotonic()
        self.status = FAILED
        """Status of the response; that of the server's default error until the application responds."""
        self.first_byte_seconds: float | None = None
        self.broken = False
        """True if the request ended with an exception, perhaps in the middle of the response."""

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    async def noted(self, message: Message) -> None:
        self.status = ACCEPTED if message["type"] == "websocket.accept" else message.get("status", self.status)
        if self.first_byte_seconds is None and message.get("body"):
            self.first_byte_seconds = self.seconds
        await self._send(message)


class RequestJournal:
    """Logs each request, and keeps the server from being idle during it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        activity: Activity,
        count: Callable[[AccessRecord], None] = lambda record: None,
        told: Sequence[str] = ("/",),
    ) -> None:
        """`count` receives each complete record. Paths below `told` are logged at `info`, others at `debug`."""
        self._app = app
        self._activity = activity
        self._count = count
        self._told = tuple(told)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in LOOKING:
            await self._app(scope, receive, send)
            return
        record = AccessRecord(scope["path"], send)
        try:
            with self._activity.occupied():
                await self._app(scope, receive, record.noted)
        except Exception:
            record.broken = True
            raise
        finally:
            self._activity.requests += 1
            self._count(record)
            level = logging.INFO if record.path.startswith(self._told) else logging.DEBUG
            verb = scope.get("method", "WebSocket")
            log.log(level, "%s %r %d %.2f s", verb, record.path, record.status, record.seconds)
