"""The transport of the HTTP client: straight to this machine, else as the environment says about proxies and certificates.

What the environment names is looked at when a request needs it: one that cannot be used stops nobody who needs none.
"""

import asyncio
import ssl

import httpx2

from voicemode.config import network
from voicemode.loopback import is_loopback

LIMITS = httpx2.Limits(keepalive_expiry=60.0)
"""Connections are kept for the next turn, so many seconds."""


class Routes(httpx2.AsyncBaseTransport):
    """The pool of connections of each proxy, and of none. Raises ConfigError if the environment names what cannot be used."""

    def __init__(self) -> None:
        self._pools = {("", False): _make("", secure=False)}
        """By proxy, empty for none, and whether certificates are needed."""
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
    """Trust whom the system trusts, or the environment."""
    network.check_certificates()
    return httpx2.create_ssl_context()
