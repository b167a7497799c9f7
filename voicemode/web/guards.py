"""Checks before every route: which names we answer to, whose pages may ask, how much may be sent."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicemode.engines.server.guards import host_name, promised_bytes
from voicemode.loopback import is_loopback
from voicemode.web.errors import PageError
from voicemode.web.policy import secured

MAX_BODY_BYTES = 16 * 1024
"""A name, a password, a code."""
BODY_SECONDS = 10.0
CLOSED_SECONDS = 1.0
LOOKING = ("GET", "HEAD")
HTTP = "http"
WEBSOCKET = "websocket"
FAILED = 500


@dataclass(slots=True)
class Names:
    """The names that we answer to."""

    behind: frozenset[str] = frozenset()
    """Host names of a TLS proxy that passes requests on to us."""
    developing: frozenset[str] = frozenset()
    """Origins of a development server that shows the page in our place."""
    lan: frozenset[str] = field(default_factory=frozenset)
    """Names of this machine in its network, while we listen there; it may get others."""

    def know(self, host: str) -> bool:
        """True if `host` is us; a name that only leads here is not (DNS rebinding)."""
        return is_loopback(host) or host.lower() in self.lan | self.behind

    def encrypted(self, scope: Scope) -> bool:
        """True if the browser talks to us over TLS."""
        return scope["scheme"] in ("https", "wss") or host_of(scope) in self.behind

    def same_site(self, scope: Scope) -> bool:
        """True if a page of ours asks."""
        headers = Headers(scope=scope)
        origin, secure = headers.get("origin", ""), "https" if self.encrypted(scope) else "http"
        return origin in self.developing or origin.lower() == f"{secure}://{headers.get('host', '').lower()}"


def host_of(scope: Scope) -> str:
    """The name that a request was sent to, without the port."""
    return host_name("//" + Headers(scope=scope).get("host", "")).lower()


class PageGuard:
    """Refuses what no page of ours sends, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, *, names: Names, policy: str) -> None:
        """`policy` is the Content-Security-Policy of answers that bring none."""
        self._app = app
        self._names = names
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in (HTTP, WEBSOCKET):
            await self._app(scope, receive, send)
            return

        refused = False

        async def sealed(message: Message) -> None:
            nonlocal refused
            refused = refused or message["type"] == "websocket.http.response.start"
            await send(secured(message, self._policy))

        if error := self.refusal(scope):
            await error.response()(scope, receive, sealed)
        else:
            await self._app(scope, BoundedBody(receive).receive if scope["type"] == HTTP else receive, sealed)
        if refused:
            await closed(receive)

    def refusal(self, scope: Scope) -> PageError | None:
        """Why this request is not answered, if it is not."""
        if not self._names.know(host_of(scope)):
            return PageError(
                403,
                "forbidden_host",
                "This server does not answer to that name.",
                hint="Names of a proxy before it belong into VOICEMODE_FRONTEND_HOSTS.",
            )
        if scope["type"] == HTTP and scope["method"] in LOOKING:
            return None
        if not self._names.same_site(scope):
            return PageError(403, "forbidden_origin", "Pages of other sites may not use this server.")
        return misfit(scope) if scope["type"] == HTTP else None


async def closed(receive: Receive) -> None:
    """Wait until a WebSocket that was refused is closed; uvicorn, if left before, logs that as a failure of ours."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSED_SECONDS):
            # The first tells of the refusal, the second of the connection.
            for _ in range(2):
                while (await receive())["type"] != "websocket.disconnect":
                    pass


def misfit(scope: Scope) -> PageError | None:
    """Describe what is wrong with the body of a request, as its headers announce it."""
    headers = Headers(scope=scope)
    if promised_bytes(scope) > MAX_BODY_BYTES:
        return too_large()
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = promised_bytes(scope) or "transfer-encoding" in headers
    if has_body and kind != "application/json":
        return PageError(415, "not_json", "The body of a request has to be JSON.")
    return None


def too_large() -> PageError:
    return PageError(413, "too_large", f"The request is larger than {MAX_BODY_BYTES:,} bytes.")


class BoundedBody:
    """Stops reading a body that is longer, or takes longer, than any of ours."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._deadline = asyncio.get_running_loop().time() + BODY_SECONDS
        self._received = 0
        self._complete = False

    async def receive(self) -> Message:
        if self._complete:  # then this waits for the client to hang up
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise PageError(408, "too_slow", "The request did not come to its end.") from None
        self._received += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._received > MAX_BODY_BYTES:
            raise too_large()
        return message
