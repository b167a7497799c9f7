"""Runs an engine server."""

import asyncio
import contextlib
import socket

from starlette.applications import Starlette

from voicemode.http_server.listening import listen
from voicemode.http_server.server import configured, run

GRACE_SECONDS = 10
"""Timeout in seconds for running requests when the server shuts down."""


def serve(app: Starlette, *, host: str = "127.0.0.1", port: int, idle_minutes: float | None = None) -> None:
    """Serve `app` until SIGTERM or SIGINT, or until there was no request for `idle_minutes`.

    `app` comes from `create_app`. Raises ServiceError, before the engine is loaded, if `port` is not available.
    """
    with contextlib.closing(listen(host, port)) as listener:
        asyncio.run(serve_on(app, listener, idle_minutes=idle_minutes))


async def serve_on(
    app: Starlette, listener: socket.socket, *, idle_minutes: float | None = None, grace_seconds: int = GRACE_SECONDS
) -> None:
    """Serve `app` on a socket that already listens. Cancellation works like SIGTERM."""
    config = configured(app, timeout_graceful_shutdown=grace_seconds)
    await run(listener, config, app.state.activity, idle_minutes)
