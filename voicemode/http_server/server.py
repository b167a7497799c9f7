"""Runs an application with uvicorn until it is idle or told to stop."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from voicemode.http_server.connection import TimedConnection
from voicemode.http_server.journal import Activity
from voicemode.http_server.listening import exhaustion_told_once

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 512
HEAD_BYTES = 16 * 1024


def configured(app: ASGIApp, **more: object) -> uvicorn.Config:
    """Return the configuration that all servers share, with `more` of uvicorn's options."""
    ours: dict[str, object] = {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "http": TimedConnection,
        "ws": "none",
        "lifespan": "on",
        # No client's own word about its address is trusted.
        "proxy_headers": False,
        "limit_concurrency": MOST_CONNECTIONS,
        "h11_max_incomplete_event_size": HEAD_BYTES,
    }
    return uvicorn.Config(app, **(ours | more))  # type: ignore[arg-type]


async def run(listener: socket.socket, config: uvicorn.Config, activity: Activity, idle_minutes: float | None) -> None:
    """Serve according to `config` on a socket that already listens. Cancellation ends the server as SIGTERM does.

    It also ends after `idle_minutes` without `activity`; None means never. Then no new connection is accepted; open ones
    have `timeout_graceful_shutdown` of `config` to finish, and are closed after that.
    """
    server = HttpServer(config)
    with exhaustion_told_once():
        await _run(server, listener, activity, idle_minutes)


async def _run(server: "HttpServer", listener: socket.socket, activity: Activity, idle_minutes: float | None) -> None:
    async with asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(end_when_idle(server, activity, idle_minutes))
        serving = tasks.create_task(server.serve(sockets=[listener]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.should_exit = True
            await serving
            raise
        finally:
            watch.cancel()


async def end_when_idle(server: uvicorn.Server, activity: Activity, idle_minutes: float | None) -> None:
    """Tell `server` to end after `idle_minutes` without a request; None means never."""
    if idle_minutes is None:
        return
    limit = idle_minutes * 60
    while (idle := activity.idle_seconds) < limit:  # noqa: ASYNC110 - idleness is a length of time, not an event
        await asyncio.sleep(limit - idle)
    log.info("Idle for %g minutes: ending.", idle_minutes)
    server.should_exit = True


# The members overridden here are not a public part of uvicorn: pyproject.toml pins the version.
class HttpServer(uvicorn.Server):
    """Uvicorn, except that a signal that was obeyed is not raised again: ending on request is a success."""

    def __init__(self, config: uvicorn.Config, *, signals: bool = True) -> None:
        """Without `signals`, they are left to the server that this one runs beside."""
        super().__init__(config)
        self._signals = signals

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals() if self._signals else contextlib.nullcontext():
            yield
            self._captured_signals.clear()
