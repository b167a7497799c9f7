"""Runs an engine server: binds, serves, ends when idle or asked to."""

import asyncio
import contextlib
import errno
import logging
import socket
import sys
from collections.abc import Iterator
from typing import Protocol

import uvicorn
from starlette.applications import Starlette

from voicemode.errors import LocalOnlyError, ServiceError

log = logging.getLogger(__name__)

GRACE_SECONDS = 10
"""How long running requests may take to finish when the server is asked to end."""


def serve(app: Starlette, *, host: str = "127.0.0.1", port: int, idle_minutes: float | None = None) -> None:
    """Serve `app` until SIGTERM or SIGINT, or until nothing was asked for `idle_minutes`.

    `app` comes from `create_app`. Raises ServiceError before the engine is loaded if `port` cannot be had.
    """
    with contextlib.closing(listen(host, port)) as listener:
        asyncio.run(serve_on(app, listener, idle_minutes=idle_minutes))


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to `host` and `port` (0 is any free one). Raises ServiceError and LocalOnlyError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Where the protocol is named, asyncio sends at once what it has; else small answers wait 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":  # there it would let two servers share the port
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


async def serve_on(
    app: Starlette, listener: socket.socket, *, idle_minutes: float | None = None, grace_seconds: int = GRACE_SECONDS
) -> None:
    """Serve `app` on a socket that already listens. Cancelling ends it as SIGTERM does.

    Then nobody new is let in; who is in has `grace_seconds` to get an answer, and is hung up on after that.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=grace_seconds,
    )
    await serve_as(config, listener, app.state.room, idle_minutes)


async def serve_as(config: uvicorn.Config, listener: socket.socket, used: "Used", idle_minutes: float | None) -> None:
    """Serve what `config` says on `listener` until it is asked to end, cancelled, or `used` was not for `idle_minutes`."""
    server = EngineServer(config)
    async with asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(end_when_idle(server, used, idle_minutes))
        serving = tasks.create_task(server.serve(sockets=[listener]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.should_exit = True
            await serving
            raise
        finally:
            watch.cancel()


class Used(Protocol):
    """Interface of something that knows when it was last used."""

    @property
    def idle_seconds(self) -> float: ...


async def end_when_idle(server: uvicorn.Server, used: Used, idle_minutes: float | None) -> None:
    """Ask `server` to end once nothing was asked for during `idle_minutes`; None is never."""
    if idle_minutes is None:
        return
    limit = idle_minutes * 60
    while (idle := used.idle_seconds) < limit:  # noqa: ASYNC110 - idleness is a length of time, not an event
        await asyncio.sleep(limit - idle)
    log.info("Idle for %g minutes: ending.", idle_minutes)
    server.should_exit = True


class EngineServer(uvicorn.Server):
    """Uvicorn, but a signal that was obeyed is not raised again: ending as asked is a success."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()
