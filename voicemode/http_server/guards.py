"""Checks before every route: who may send requests, how large, and how slowly."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicemode.http_server.errors import ApiError
from voicemode.loopback import is_loopback

BODY_SECONDS = 10.0
"""Time a body may take in all; each byte received extends it."""
SLOWEST_BYTES_PER_SECOND = 4096
"""A body that comes at least this fast never times out."""


class Guard:
    """Answers a request with the error that `refusal` returns, or lets it pass."""

    def __init__(self, app: ASGIApp, *, refusal: Callable[[Scope], ApiError | None]) -> None:
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        await (error.response() if error else self._app)(scope, receive, send)


def foreign(scope: Scope) -> ApiError | None:
    """Refuse web pages of other sites (Origin) and host names that only resolve to this machine (DNS rebinding).

    The Host header is checked on connections over the loopback interface: only loopback names are valid there.
    """
    host, origin = host_of(scope), Headers(scope=scope).get("origin")
    here = (scope.get("server") or ("", 0))[0]
    if is_loopback(here) and not is_loopback(host):
        return ApiError(403, "This server answers to localhost only, not to other host names.", code="forbidden_host")
    if origin is not None and not is_loopback(host_in(origin)) and host_in(origin) != host:
        return ApiError(403, "Web pages of other sites may not use this server.", code="forbidden_origin")
    return None


def host_of(scope: Scope) -> str:
    """Return the host name that a request was sent to, in lower case, without the port."""
    return host_in("//" + Headers(scope=scope).get("host", ""))


def host_in(url: str) -> str:
    """Return the host in `url`, in lower case; empty if there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class BodyLimit:
    """Rejects a body that is larger than `max_bytes`, whatever its Content-Length says, or that comes too slowly."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif promised_bytes(scope) > self._max_bytes:
            await too_large(self._max_bytes).response()(scope, receive, send)
        else:
            await self._app(scope, BoundedBody(receive, self._max_bytes, self._seconds).receive, send)


class BoundedBody:
    """One body as it is received, bounded in size and time."""

    def __init__(self, receive: Receive, max_bytes: int, seconds: float) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._seconds_left = seconds
        self._received = 0
        self._complete = False

    async def receive(self) -> Message:
        """Receive a message. Raises ApiError."""
        if self._complete:  # then this waits for the client to hang up
            return await self._receive()
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._seconds_left):
                message = await self._receive()
        except TimeoutError:
            raise too_slow() from None
        size = len(message.get("body", b""))
        self._received += size
        self._seconds_left += size / SLOWEST_BYTES_PER_SECOND - (asyncio.get_running_loop().time() - began)
        self._complete = not message.get("more_body", False)
        if self._received > self._max_bytes:
            raise too_large(self._max_bytes)
        return message


def too_large(max_bytes: int) -> ApiError:
    return ApiError(413, f"The request is larger than {max_bytes:,} bytes.", code="request_too_large")


def too_slow() -> ApiError:
    return ApiError(408, "The request did not come to its end.", code="request_too_slow", headers={"connection": "close"})


def has_body(scope: Scope) -> bool:
    """True if the request announces a body, of whatever length."""
    return promised_bytes(scope) > 0 or "transfer-encoding" in Headers(scope=scope)


def promised_bytes(scope: Scope) -> int:
    """Return the length of a body according to its header; 0 if there is none."""
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() else 0
