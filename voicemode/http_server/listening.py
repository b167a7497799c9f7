"""Listening sockets that keep working when this process runs out of file descriptors."""

import asyncio
import contextlib
import errno
import logging
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

from voicemode.errors import LocalOnlyError, ServiceError

log = logging.getLogger(__name__)

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Error codes for a connection that cannot be accepted for now."""
PAUSE_SECONDS = 0.5
"""Less than the second for which asyncio pauses an exhausted socket."""
TELL_SECONDS = 60.0


class ExhaustedError(OSError):
    """No connection can be accepted at the moment."""


class ServerSocket(socket.socket):
    """Makes asyncio fail once where it would try 2,048 times in a row, with a traceback each; it retries after a second."""

    _paused_until = 0.0
    _tell_at = 0.0

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Raises ExhaustedError, and BlockingIOError for PAUSE_SECONDS after that."""
        now = time.monotonic()
        if now < self._paused_until:
            raise BlockingIOError
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            self._paused_until = now + PAUSE_SECONDS
            if now >= self._tell_at:
                self._tell_at = now + TELL_SECONDS
                log.warning("New connections have to wait: %s.", error.strerror)
            raise ExhaustedError(*error.args) from error


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to `host` and `port` (0 is any free one). Raises ServiceError and LocalOnlyError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; else small responses wait 40 ms for an acknowledgement.
    listener = ServerSocket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":  # there the option lets two servers share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except LocalOnlyError:
        listener.close()
        raise
    except OSError as error:
        listener.close()
        raise ServiceError(f"Cannot listen on {host}:{port}: {bind_trouble(error)}.", hint="Choose another port.") from error
    return listener


def bind_trouble(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program, perhaps another VoiceMode server, has that port"
    return error.strerror or str(error)


@contextlib.contextmanager
def exhaustion_told_once() -> Iterator[None]:
    """Keep the event loop from logging an ExhaustedError again."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), ExhaustedError):
            return
        if before:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
    try:
        yield
    finally:
        loop.set_exception_handler(before)
