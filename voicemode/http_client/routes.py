"""The transport of the HTTP client: direct to this machine, else with the proxies and certificates of the environment.

Proxies and certificates are checked when a request needs them: unusable ones affect no other request.
"""

import asyncio
import ssl

import httpx2

from voicemode.config import network
from voicemode.loopback import is_loopback

LIMITS = httpx2.Limits(keepalive_expiry=60.0)
"""Connections are kept for the next turn, for `keepalive_expiry` seconds."""


class Routes(httpx2.AsyncBaseTransport):
    """A connection pool for each proxy, and one without. Raises ConfigError if the proxy or certificates are unusable."""

    def __init__(self) -> None:
        self._pools = {("", False): _make("", secure=False)}
        """Keyed by proxy, empty for none, and by the need for certificates."""
        self._making = asyncio.Lock()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        proxy = "" if is_loopback(url.host) else await asyncio.to_thread(network.proxy_for, str(url))
        pool = await self._pool(proxy, secure="https" in (url.scheme, proxy[:5]))
        return await pool.handle_async_request(request)

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    async def _pool(self, proxy: str, *, secure: bool) -> httpx2.AsyncHTTPTransport:
        async with self._making:
            if (proxy, secure) not in self._pools:
                # Reading the certificates takes a tenth of a second.
                self._pools[proxy, secure] = await asyncio.to_thread(_make, proxy, secure=secure)
        return self._pools[proxy, secure]


def _make(proxy: str, *, secure: bool) -> httpx2.AsyncHTTPTransport:
    context = _trusting() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx2.AsyncHTTPTransport(verify=context, limits=LIMITS, proxy=_proxy(proxy, context) if proxy else None)


def _proxy(url: str, context: ssl.SSLContext) -> httpx2.Proxy:
    return httpx2.Proxy(url, ssl_context=context if url.startswith("https") else None)


def _trusting() -> ssl.SSLContext:
    """Return a TLS context with the certificates of the system or the environment. Raises ConfigError."""
    network.check_certificates()
    return httpx2.create_ssl_context()
