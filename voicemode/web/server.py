"""Running the page's server: on this machine over HTTP, and on request in the local network over TLS."""

import asyncio
import contextlib
import datetime
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from voicemode.config import Settings
from voicemode.errors import ServiceError, VoiceModeError
from voicemode.http_server.listening import listen
from voicemode.http_server.server import HttpServer, configured, run
from voicemode.services.service import HOST
from voicemode.web.app import create_site
from voicemode.web.certificate import ServerCertificate, certificate_file, identity
from voicemode.web.guards import Names
from voicemode.web.lan import lan_addresses, own_names
from voicemode.web.link import here
from voicemode.web.page import find_page
from voicemode.web.signalling import MAX_MESSAGE_BYTES
from voicemode.web.status import Chosen

log = logging.getLogger(__name__)

GRACE_SECONDS = 2
"""Timeout of a shutdown; clients in a room are then disconnected, and reconnect by themselves."""
LOOK_SECONDS = 30.0
"""Interval between checks for changed addresses of this machine."""
NAMELESS = ("localhost",)
"""Name in the certificate while there is no network; no client uses it."""


def config(app: ASGIApp, **more: object) -> uvicorn.Config:
    return configured(
        app,
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        **more,
    )


@dataclass(slots=True)
class Lan:
    """The server in the local network, restarted whenever this machine's addresses change."""

    app: ASGIApp
    names: Names
    port: int
    certificate: Path
    find: Callable[[], Sequence[str]] = lan_addresses
    look_seconds: float = LOOK_SECONDS

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[ServerCertificate]:
        """Serve within this context. Raises ServiceError if the port cannot be bound."""
        # There may be no address yet: a service can start before the network.
        addresses = await asyncio.to_thread(self.find)
        with contextlib.ExitStack() as listeners:
            sockets = [listeners.enter_context(contextlib.closing(listen(address, self.port))) for address in addresses]
            own = await self._identity(addresses)
            told(addresses)
            async with asyncio.TaskGroup() as tasks:
                following = tasks.create_task(self._follow(addresses, sockets, own))
                try:
                    yield own
                finally:
                    following.cancel()

    async def _follow(self, addresses: Sequence[str], sockets: list[socket.socket], own: ServerCertificate) -> None:
        while True:
            async with self._serving(sockets, own):
                addresses, own = await self._changed(addresses, own)
            sockets = []
            for address in addresses:
                try:
                    sockets.append(listen(address, self.port))
                except ServiceError as error:
                    log.warning("%s", error)

    @contextlib.asynccontextmanager
    async def _serving(self, sockets: list[socket.socket], own: ServerCertificate) -> AsyncIterator[None]:
        server = HttpServer(config(self.app, lifespan="off", ssl_certfile=own.path), signals=False)
        serving = asyncio.create_task(server.serve(sockets))
        try:
            yield
        finally:
            server.should_exit = True
            await serving

    async def _changed(self, addresses: Sequence[str], own: ServerCertificate) -> tuple[Sequence[str], ServerCertificate]:
        """Wait for other addresses or a renewed certificate, and return both."""
        while True:
            await asyncio.sleep(self.look_seconds)
            try:
                now = await asyncio.to_thread(self.find)
                renewed = await self._identity(now)
            except (VoiceModeError, OSError) as error:
                log.warning("The page stays where it is in the local network: %s", error)
                continue
            if set(now) != set(addresses) or renewed.fingerprint != own.fingerprint:
                told(now)
                return now, renewed

    async def _identity(self, addresses: Sequence[str]) -> ServerCertificate:
        names = (*addresses, *own_names())
        self.names.lan, now = frozenset(names), datetime.datetime.now(datetime.UTC)
        return await asyncio.to_thread(identity, self.certificate, names or NAMELESS, now)


def told(addresses: Sequence[str]) -> None:
    log.info("Shown in the local network at %s.", ", ".join(addresses) or "no address")


async def serve(
    current: Callable[[], Settings],
    chosen: Chosen,
    *,
    idle_minutes: float | None = None,
    developing: frozenset[str] = frozenset(),
) -> None:
    """Serve the page as the settings say until SIGTERM or SIGINT, or until it was idle for `idle_minutes`.

    Raises ServiceError if a port cannot be bound.
    """
    settings = current()
    names = Names(frozenset(settings.frontend_hosts), developing)
    with contextlib.closing(listen(HOST, settings.frontend_port)) as listener:
        site = await asyncio.to_thread(create_site, current, names, find_page(), chosen)
        lan = Lan(site.app, names, settings.frontend_port, certificate_file(settings))
        if settings.frontend_lan and settings.local_only:
            log.warning("The page is not shown in the local network: VOICEMODE_LOCAL_ONLY is on.")
        shown = settings.frontend_lan and not settings.local_only
        async with lan.served() if shown else contextlib.nullcontext():
            log.info("The page is at %s. To get in: voicemode frontend open", here(settings))
            await run(listener, config(site.app), site.activity, idle_minutes)
