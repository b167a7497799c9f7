"""Runs an application with uvicorn: serves, ends when idle or asked to."""

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
    """The configuration that all servers share, and `more` of uvicorn's own."""
    ours: dict[str, object] = {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "http": TimedConnection,
        "ws": "none",
        "lifespan": "on",
        # Nobody is taken at their word about where they come from.
        "proxy_headers": False,
        "limit_concurrency": MOST_CONNECTIONS,
        "h11_max_incomplete_event_size": HEAD_BYTES,
    }
    return uvicorn.Config(app, **(ours | more))  # type: ignore[arg-type]


async def run(listener: socket.socket, config: uvicorn.Config, activity: Activity, idle_minutes: float | None) -> None:
    """Serve what `config` says on a socket that already listens. Cancelling ends it as SIGTERM does.

    It also ends once there was no `activity` for `idle_minutes`; None is never. Then nobody new is let in; who is in has
    `timeout_graceful_shutdown` of `config` to get an answer, and is hung up on after that.
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
    """Ask `server` to end once nothing was asked for during `idle_minutes`; None is never."""
    if idle_minutes is None:
        return
    limit = idle_minutes * 60
    while (idle := activity.idle_seconds) < limit:  # noqa: ASYNC110 - idleness is a length of time, not an event
        await asyncio.sleep(limit - idle)
    log.info("Idle for %g minutes: ending.", idle_minutes)
    server.should_exit = True


# What is set here is no public part of uvicorn: pyproject.toml pins the version.
class HttpServer(uvicorn.Server):
    """Uvicorn, but a signal that was obeyed is not raised again: ending as asked is a success."""

    def __init__(self, config: uvicorn.Config, *, signals: bool = True) -> None:
        """Without `signals` they are left to the server that this one runs beside."""
        super().__init__(config)
        self._signals = signals

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals() if self._signals else contextlib.nullcontext():
            yield
            self._captured_signals.clear()
