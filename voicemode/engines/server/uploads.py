"""Backpressure on uploads: an upload beyond the limit waits at its sender, not on the server's disk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from voicemode.engines.server.clients import Peer, peer_of
from voicemode.engines.server.fair_queue import FairQueue
from voicemode.http_server.errors import ApiError
from voicemode.http_server.guards import has_body, promised_bytes

TURN_BYTES = 8 * 1024 * 1024
"""Largest upload of a turn: four minutes of speech as WAV. Larger ones are files, which no turn waits for."""
TURNS, FILES = 64, 2
"""Most turns and files held at a time, from the first byte to the response."""
WAITING = 32
"""Most uploads of each kind that wait for a place."""
RETRY_SECONDS = 10


class Places:
    """A limited number of places, shared fairly between clients."""

    def __init__(self, count: int, waiting: int = WAITING) -> None:
        self._free = count
        self._line: FairQueue[asyncio.Future[None]] = FairQueue(waiting)

    @asynccontextmanager
    async def place(self, name: Callable[[], Awaitable[str]]) -> AsyncIterator[None]:
        """Hold a place. `name` is called for the client's name only if it has to wait. Raises ApiError 429 if too many wait."""
        client = "" if self._free else await name()
        if self._free:
            self._free -= 1
        else:
            await self._wait(client)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, client: str) -> None:
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if refused := self._line.join(client, called):
            refused.set_exception(too_many())
        try:
            await called
        except asyncio.CancelledError:
            self._line.leave(called)
            if called.done() and not called.cancelled() and not called.exception():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        if called := self._line.take(lambda each: not each.done()):
            called.set_result(None)
        else:
            self._free += 1


class UploadGate:
    """Middleware: a request with a body waits for a place before any of it is read."""

    def __init__(self, app: ASGIApp, *, name: Callable[[Peer], Awaitable[str]]) -> None:
        """`name` identifies clients."""
        self._app = app
        self._name = name
        self._turns, self._files = Places(TURNS), Places(FILES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as held:
            if scope["type"] == "http" and has_body(scope):
                places = self._turns if 0 < promised_bytes(scope) <= TURN_BYTES else self._files
                try:
                    await held.enter_async_context(places.place(lambda: self._name(peer_of(Request(scope)))))
                except ApiError as error:
                    await error.response()(scope, receive, send)
                    return
            await self._app(scope, receive, send)


def too_many() -> ApiError:
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return ApiError(429, "Too many uploads are waiting.", code="rate_limit_exceeded", headers=headers)
