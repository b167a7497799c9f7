"""Relay of LiveKit's signalling to the server on this machine, so that page and rooms share one address and certificate.

LiveKit's client requests /rtc/v1, falls back to /rtc, and requests …/validate to find out why it was refused.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from voicemode.config import Settings
from voicemode.config.urls import Address
from voicemode.errors import Remedy
from voicemode.http_client.bare import get
from voicemode.http_server.errors import ApiError
from voicemode.tasks import ended
from voicemode.transports.livekit.access import Access, find_access
from voicemode.web.entry import SignIn
from voicemode.web.rooms import SIGNALLING, no_livekit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

PATHS = ("/rtc", "/rtc/v1")
CONNECT_SECONDS = 5.0
MAX_MESSAGE_BYTES = 1024 * 1024
"""Largest message; the largest in practice are session descriptions of some kilobytes."""
MAX_WAITING = 16
"""Messages buffered for a slow browser; a full buffer makes LiveKit wait, too."""
MOST = 64
"""Most browsers connected at a time."""
UNSENDABLE = (1005, 1006, 1015)
"""Close codes that only describe how a connection ended, and must not be sent."""
BROKEN = 1011
SIGNED_OUT = 1008
LEAVE = b"\x42\x00"
"""LiveKit's SignalRequest in protobuf, with an empty LeaveRequest as field 8."""
LOOK_SECONDS = 2.0
"""Interval between checks that a browser in a room is still signed in: a lost phone can be cut off."""


class Signalling:
    """The routes of the relay, and its connections."""

    def __init__(self, settings: Callable[[], Settings], entry: SignIn) -> None:
        self._settings = settings
        self._entry = entry
        self._inside = 0
        self.routes: list[BaseRoute] = [
            *(WebSocketRoute(f"{SIGNALLING}{path}", self.relay) for path in PATHS),
            *(Route(f"{SIGNALLING}{path}/validate", self.validate) for path in PATHS),
        ]

    async def relay(self, browser: WebSocket) -> None:
        """Relay messages both ways until either side disconnects, or the browser is signed out."""
        try:
            async with self._livekit(browser) as livekit:
                await browser.accept()
                await relayed(browser, livekit, self._signed_out(browser))
        except ApiError as error:
            await browser.send_denial_response(error.response())

    async def _signed_out(self, browser: WebSocket) -> None:
        """Return when the browser is signed out."""
        with suppress(ApiError):
            while await self._entry.visitor(browser):  # noqa: ASYNC110 another process may sign them out
                await asyncio.sleep(LOOK_SECONDS)

    async def validate(self, request: Request) -> Response:
        """Return LiveKit's verdict on a token."""
        address = Address.parse((await self._access(request)).url)
        path = f"{request.url.path.removeprefix(SIGNALLING)}?{request.url.query}"
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                answer = await get(address.host, address.port, path)
        except (OSError, TimeoutError) as error:
            raise unreachable() from error
        return Response(answer.body, answer.status or 502, media_type="text/plain")

    @asynccontextmanager
    async def _livekit(self, browser: WebSocket) -> "AsyncIterator[ClientConnection]":
        """Yield a connection to LiveKit for the browser's request. Raises ApiError if there is none."""
        access = await self._access(browser)
        if self._inside >= MOST:
            raise ApiError(503, "Too many people are in rooms.", code="too_many_people")
        self._inside += 1
        try:
            async with connection(websocket_url(access, browser), browser.headers.get("authorization", "")) as livekit:
                yield livekit
        finally:
            self._inside -= 1

    async def _access(self, connection: HTTPConnection) -> Access:
        """Return the access to this machine's LiveKit for a signed-in browser. Raises ApiError."""
        await self._entry.visitor(connection)
        access = await asyncio.to_thread(lambda: find_access(self._settings()))
        if access is None or not access.is_here:
            raise no_livekit()
        return access


def websocket_url(access: Access, browser: WebSocket) -> str:
    """Return LiveKit's URL for a browser's request to us."""
    base = access.http_url.replace("http", "ws", 1)
    return f"{base}{browser.url.path.removeprefix(SIGNALLING)}?{browser.url.query}"


@asynccontextmanager
async def connection(url: str, authorization: str) -> "AsyncIterator[ClientConnection]":
    """Yield a WebSocket to LiveKit at `url`. Raises ApiError, with LiveKit's own status if LiveKit refuses.

    Browsers send the token in the query, other clients in `authorization`.
    """
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidHandshake, InvalidStatus

    opening = connect(
        url,
        additional_headers={"Authorization": authorization} if authorization else None,
        open_timeout=CONNECT_SECONDS,
        max_size=MAX_MESSAGE_BYTES,
        max_queue=MAX_WAITING,
        compression=None,
        proxy=None,
    )
    try:
        livekit = await opening
    except InvalidStatus as error:
        status = error.response.status_code
        raise ApiError(status, "LiveKit does not let you in.", code="refused_by_livekit", hint="Join again.") from None
    except (OSError, TimeoutError, InvalidHandshake):
        raise unreachable() from None
    async with livekit:
        yield livekit


async def relayed(browser: WebSocket, livekit: "ClientConnection", signed_out: Coroutine[Any, Any, None]) -> None:
    """Relay messages both ways until one side disconnects or `signed_out` returns; then close the other side."""
    ways = (to_livekit(browser, livekit), to_browser(livekit, browser), signed_out)
    up, down, out = (asyncio.create_task(way) for way in ways)
    try:
        await asyncio.wait({up, down, out}, return_when=asyncio.FIRST_COMPLETED)
        browser_left, thrown_out = up.done(), out.done()
    finally:
        await ended(up, down, out)
    if thrown_out:
        await thrown(livekit)
    await livekit.close()
    if thrown_out and not browser_left:
        await browser.close(SIGNED_OUT, "signed out")
    elif not browser_left:
        code = livekit.close_code or BROKEN
        await browser.close(BROKEN if code in UNSENDABLE else code, livekit.close_reason)


async def thrown(livekit: "ClientConnection") -> None:
    """Send a leave request in the person's place: audio bypasses us, so they would still hear the room otherwise."""
    from websockets.exceptions import ConnectionClosed

    with suppress(ConnectionClosed):
        await livekit.send(LEAVE)


async def to_livekit(browser: WebSocket, livekit: "ClientConnection") -> None:
    """Relay messages to LiveKit until the browser disconnects, or LiveKit closes the connection."""
    from websockets.exceptions import ConnectionClosed

    with suppress(ConnectionClosed):
        while (message := await browser.receive())["type"] != "websocket.disconnect":
            text = message.get("text")
            await livekit.send(message["bytes"] if text is None else text)


async def to_browser(livekit: "ClientConnection", browser: WebSocket) -> None:
    """Relay messages to the browser until LiveKit closes the connection, or the browser disconnects."""
    with suppress(WebSocketDisconnect):
        async for message in livekit:
            await (browser.send_text(message) if isinstance(message, str) else browser.send_bytes(message))


def unreachable() -> ApiError:
    start = Remedy("Start it", "voicemode service start livekit")
    return ApiError(503, "LiveKit does not answer.", code="livekit_unreachable", hint=start)
