"""Hangs up on who holds a connection and lets us wait: uvicorn would, for ever, for the head of a request or for a reader."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle


class Impatient(H11Protocol):
    """One connection. WebSockets leave it behind: they have pings."""

    ask_seconds = 10.0
    """From the connection, or the first byte of a further request, until we know what is asked."""
    take_seconds = 120.0
    """From there until the answer is taken; a slow phone needs some seconds for the page."""

    _answering: RequestResponseCycle | None = None
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._wait(self.ask_seconds)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_protocol() is not self:
            self._wait(None)
            return
        answering = self.cycle if self.cycle and not self.cycle.response_complete else None
        if answering is not self._answering:
            self._answering = answering
            self._wait(self.take_seconds if answering else self.ask_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._wait(None)

    def _wait(self, seconds: float | None) -> None:
        if self._limit:
            self._limit.cancel()
        self._limit = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
