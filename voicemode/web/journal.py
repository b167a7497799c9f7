"""Who is here, and one line in the log for each request that is not for a file: never its query, which may hold a token."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicemode.web.guards import FAILED, HTTP, WEBSOCKET

log = logging.getLogger("voicemode.services.web")

TOLD = ("/api/", "/livekit/")
"""Paths below these are logged; files only while somebody looks for a fault."""


class Activity:
    """Tells whether anybody is here: a request that is being answered, a socket that is open."""

    def __init__(self) -> None:
        self._inside = 0
        self._left_at = time.monotonic()
        self.requests = 0
        """Answered since the start."""

    @property
    def idle_seconds(self) -> float:
        return 0.0 if self._inside else time.monotonic() - self._left_at

    @contextmanager
    def occupied(self) -> Iterator[None]:
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self.requests += 1
            self._left_at = time.monotonic()


class PageJournal:
    """Logs each request, and keeps the server from being idle meanwhile."""

    def __init__(self, app: ASGIApp, *, presence: Activity) -> None:
        self._app = app
        self._presence = presence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in (HTTP, WEBSOCKET) or scope["path"] == "/health":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), FAILED

        async def noted(message: Message) -> None:
            nonlocal status
            # 101: a WebSocket was accepted.
            status = 101 if message["type"] == "websocket.accept" else message.get("status", status)
            await send(message)

        try:
            with self._presence.occupied():
                await self._app(scope, receive, noted)
        finally:
            level = logging.INFO if scope["path"].startswith(TOLD) else logging.DEBUG
            verb = scope.get("method", "WebSocket")
            log.log(level, "%s %r %d %.2f s", verb, scope["path"], status, time.monotonic() - began)
