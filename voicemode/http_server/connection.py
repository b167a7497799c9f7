"""Hangs up on slow clients: uvicorn alone waits forever for the head of a request, or for a client to read a response."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


class Deadline:
    """A timer that is set, and lifted before it expires if all goes well."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        """True while the timer is set."""
        return self._timer is not None

    def set(self, timer: asyncio.TimerHandle) -> None:
        self.lift()
        self._timer = timer

    def lift(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None


# H11Protocol is not a public part of uvicorn: pyproject.toml pins the version, so that no untested one is installed.
class TimedConnection(H11Protocol):
    """One connection. Only the client's own time is limited, not ours. WebSockets are exempt, since they have pings."""

    head_seconds = 10.0
    """Timeout for the head of a request, from the connection or the first byte of a further request."""
    reader_seconds = 30.0
    """Interval between two checks of how much of a response was read."""
    slowest_bytes_per_second = 1024

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._head, self._reader = Deadline(), Deadline()
        # Writing is paused from the second unread byte on; with 0, TLS would pause forever.
        transport.set_write_buffer_limits(high=1)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_protocol() is not self:
            self.transport.set_write_buffer_limits()
            self._lift_deadlines()
        elif self.cycle and not self.cycle.response_complete:
            self._head.lift()
        elif not self._head:
            self._await_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reader.lift()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lift_deadlines()

    def _await_head(self) -> None:
        self._head.set(self.loop.call_later(self.head_seconds, self.transport.abort))

    def _await_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._reader.set(self.loop.call_later(self.reader_seconds, self._look_at_reader, unread))

    def _look_at_reader(self, unread_before: int) -> None:
        taken = unread_before - self.transport.get_write_buffer_size()
        if taken < self.reader_seconds * self.slowest_bytes_per_second:
            self.transport.abort()
        else:
            self._await_reader()

    def _lift_deadlines(self) -> None:
        self._head.lift()
        self._reader.lift()
