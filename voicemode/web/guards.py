"""Checks before every route: of the host name, and of the request's origin."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicemode.http_server.errors import ApiError
from voicemode.http_server.guards import has_body, host_of
from voicemode.loopback import is_loopback
from voicemode.web.policy import secured

CLOSED_SECONDS = 1.0
LOOKING = ("GET", "HEAD")
HTTP = "http"
WEBSOCKET = "websocket"


@dataclass(slots=True)
class Names:
    """The host names that we answer to."""

    behind: frozenset[str] = frozenset()
    """Host names of a TLS proxy that forwards requests to us."""
    developing: frozenset[str] = frozenset()
    """Origins of a development server that serves the page in our place."""
    lan: frozenset[str] = field(default_factory=frozenset)
    """Names of this machine in its network while we listen there; they can change."""

    def know(self, host: str) -> bool:
        """True if `host` is one of our names; another name that resolves to us is not (DNS rebinding)."""
        return is_loopback(host) or host in self.lan | self.behind

    def encrypted(self, scope: Scope) -> bool:
        """True if the browser connects over TLS."""
        return scope["scheme"] in ("https", "wss") or host_of(scope) in self.behind

    def same_site(self, scope: Scope) -> bool:
        """True if the request comes from a page of ours."""
        headers = Headers(scope=scope)
        origin, secure = headers.get("origin", ""), "https" if self.encrypted(scope) else "http"
        return origin in self.developing or origin.lower() == f"{secure}://{headers.get('host', '').lower()}"

    def refusal(self, scope: Scope) -> ApiError | None:
        """Return the error for a request with a foreign host name, from another site's page, or with a non-JSON body."""
        if not self.know(host_of(scope)):
            return ApiError(
                403,
                "This server does not answer to that name.",
                code="forbidden_host",
                hint="Names of a proxy before it belong into VOICEMODE_FRONTEND_HOSTS.",
            )
        if scope["type"] == HTTP and scope["method"] in LOOKING:
            return None
        if not self.same_site(scope):
            return ApiError(403, "Pages of other sites may not use this server.", code="forbidden_origin")
        if scope["type"] == HTTP and not fit(scope):
            return ApiError(415, "The body of a request has to be JSON.", code="not_json")
        return None


def fit(scope: Scope) -> bool:
    """True if the request has no body, or one of the content type JSON."""
    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    return not has_body(scope) or kind == "application/json"


class SecurityHeaders:
    """Middleware that adds the security headers to every response."""

    def __init__(self, app: ASGIApp, *, policy: str) -> None:
        """`policy` is the Content-Security-Policy of responses that have none."""
        self._app = app
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

        await self._app(scope, receive, sealed)
        if refused:
            await closed(receive)


async def closed(receive: Receive) -> None:
    """Wait until a refused WebSocket is closed; uvicorn logs an earlier return as our error."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSED_SECONDS):
            # The first disconnect belongs to the refusal, the second to the connection.
            for _ in range(2):
                while (await receive())["type"] != "websocket.disconnect":
                    pass
