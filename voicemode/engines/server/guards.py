"""Checks before every route: who may ask, how much may be sent."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicemode.engines.server.errors import ApiError
from voicemode.loopback import is_loopback


class LocalOnly:
    """Refuses web pages of other sites (Origin) and names that only pretend to be this machine (DNS rebinding).

    The Host header is checked on connections over the loopback interface: only loopback names are us there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (error := refusal(scope)):
            await error.response()(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def refusal(scope: Scope) -> ApiError | None:
    """Why this request is not answered, if it is not."""
    headers = Headers(scope=scope)
    host = host_name("//" + headers.get("host", ""))
    here = (scope.get("server") or ("", 0))[0]
    if is_loopback(here) and not is_loopback(host):
        return ApiError(403, "This server answers to localhost only, not to other host names.", code="forbidden_host")
    origin = headers.get("origin")
    if origin is not None and not is_loopback(host_name(origin)) and host_name(origin) != host:
        return ApiError(403, "Web pages of other sites may not use this server.", code="forbidden_origin")
    return None


def host_name(url: str) -> str:
    """The host in `url`; empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class BodyLimit:
    """Stops reading a request body after `max_bytes`, whatever its Content-Length promises."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                raise self.too_large()
            return message

        if scope["type"] == "http" and promised_bytes(scope) > self.max_bytes:
            await self.too_large().response()(scope, receive, send)
        else:
            await self.app(scope, counted, send)

    def too_large(self) -> ApiError:
        return ApiError(413, f"The request is larger than {self.max_bytes:,} bytes.", code="request_too_large")


def promised_bytes(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() else 0
