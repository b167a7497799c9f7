"""The HTTP client: one connection pool, no cookies, and no request that VOICEMODE_LOCAL_ONLY forbids."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from voicemode import __version__, egress

if TYPE_CHECKING:
    import httpx2


@asynccontextmanager
async def open_http() -> AsyncIterator["httpx2.AsyncClient"]:
    """Open the one client that all endpoints share."""
    # Importing the library takes a tenth of a second.
    async with await asyncio.to_thread(_build_http) as http:
        yield http


def _build_http() -> "httpx2.AsyncClient":
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx2

    from voicemode.http_client.routes import Routes

    return httpx2.AsyncClient(
        transport=Routes(),
        # Speech and weights hardly compress, and a proxy that tries would buffer them.
        headers={"User-Agent": f"voicemode/{__version__}", "Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        event_hooks={"request": [_check_permitted]},
    )


async def _check_permitted(request: "httpx2.Request") -> None:
    """Check that the egress guard allows the request. Raises LocalOnlyError."""
    egress.check(request.url.host)
