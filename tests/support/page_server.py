"""The page's server in this process, over real sockets, and clients that look like browsers to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx2

from voicemode.config import Settings
from voicemode.http_server.listening import listen
from voicemode.http_server.server import run
from voicemode.web.app import create_site
from voicemode.web.entry import pairing_codes
from voicemode.web.guards import Names
from voicemode.web.server import config

WAIT_SECONDS = 30.0
"""Timeout of every wait."""
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PageServer:
    """A running server of the page."""

    port: int
    settings: Settings
    names: Names

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def browser(self, *, address: str = "127.0.0.1", headers: Mapping[str, str] = NOTHING) -> httpx2.AsyncClient:
        """Return a browser at `address` that shows our page and is not signed in."""
        return httpx2.AsyncClient(
            base_url=self.origin,
            headers={"Origin": self.origin, **headers},
            timeout=WAIT_SECONDS,
            transport=httpx2.AsyncHTTPTransport(
                local_address=address, verify=False
            ),  # no TLS here, and loading certificate authorities is slow,
        )

    @asynccontextmanager
    async def signed_in(self) -> AsyncIterator[httpx2.AsyncClient]:
        """Yield a browser that signed in with a link."""
        async with self.browser() as browser:
            code = pairing_codes(self.settings).issue()
            assert (await browser.post("/api/pair", json={"code": code})).status_code == 204
            yield browser


async def nobody() -> dict[str, str]:
    """Return no chosen providers."""
    return {}


@asynccontextmanager
async def serving(settings: Settings, folder: Path | None = None, names: Names | None = None) -> AsyncIterator[PageServer]:
    """Serve the page in `folder` while this context is entered."""
    names = names or Names()
    site = create_site(lambda: settings, names, folder, nobody)
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    task = asyncio.create_task(run(listener, config(site.app), site.activity, None))
    try:
        yield PageServer(port, settings, names)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
