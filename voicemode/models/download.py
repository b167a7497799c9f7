"""Files over HTTPS, continued where a connection broke. Only imported where weights are fetched.

TLS is verified against the operating system's certificates, so that a company's own proxy works too.
"""

import errno
import http.client
import ssl
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from voicemode.config import network
from voicemode.errors import ConfigError, WeightsError

SILENCE_SECONDS = 5.0
"""How long a host may take to connect, and to send the next bytes."""

CHUNK_BYTES = 1 << 20
PARTIAL_CONTENT = 206

BROKEN = (OSError, http.client.HTTPException)
"""What a connection ends with; `URLError` and time limits are OSErrors."""

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""What the system says where there is no room left."""

Advance = Callable[[int], None]
"""Told how many bytes were gained; negative where a download had to begin again."""


def host(url: str) -> str:
    """Host and port of `url`, without the credentials it may carry."""
    return urlsplit(url).netloc.rpartition("@")[2]


def download(url: str, to: Path, size_bytes: int, advance: Advance) -> None:
    """Fetch `size_bytes` of `url` into `to`, continuing what is already there.

    A break is followed by another try for as long as each try gets further.

    Raises:
        WeightsError: It cannot be had from there.
        OSError: There is no room for it.
    """
    if _size(to) > size_bytes:
        to.unlink()
    advance(_size(to))
    while (have := _size(to)) < size_bytes:
        try:
            _continue(url, to, size_bytes, advance)
        except BROKEN as error:
            if is_full(error):
                raise
            if _size(to) <= have:
                raise WeightsError(reason(error)) from error


def remote_bytes(url: str) -> int:
    """Return the size of the file at `url`. Raises WeightsError."""
    try:
        with _open(url, 0) as response:
            if response.length is None:
                raise WeightsError("it does not say how long the file is")
            return response.length
    except BROKEN as error:
        raise WeightsError(reason(error)) from error


def is_full(error: Exception) -> bool:
    """True if the disk has no room left: no other source could help."""
    return isinstance(error, OSError) and error.errno in FULL


def reason(error: Exception) -> str:
    """Return the reason in the words of the system, without addresses or objects."""
    match error:
        case HTTPError():
            return f"HTTP {error.code} {error.reason}".strip()
        case URLError() if isinstance(error.reason, Exception):
            return reason(error.reason)
        case TimeoutError():
            return f"no answer within {SILENCE_SECONDS:g} s"
        case OSError():
            return error.strerror or str(error) or type(error).__name__
    return str(error) or type(error).__name__


def _continue(url: str, to: Path, size_bytes: int, advance: Advance) -> None:
    have = _size(to)
    with _open(url, have) as response:
        if have and response.status != PARTIAL_CONTENT:
            advance(-have)
            have = 0
        with to.open("ab" if have else "wb") as file:
            while chunk := response.read(CHUNK_BYTES):
                have += len(chunk)
                if have > size_bytes:
                    raise WeightsError("the file there is longer than the official one")
                file.write(chunk)
                advance(len(chunk))
    if have < size_bytes:
        raise http.client.IncompleteRead(b"", size_bytes - have)


def _open(url: str, offset: int) -> http.client.HTTPResponse:
    import truststore

    if urlsplit(url).scheme not in {"http", "https"}:
        raise WeightsError(f"{url.partition(':')[0]!r} is not HTTP")
    headers = {"User-Agent": "voicemode", **({"Range": f"bytes={offset}-"} if offset else {})}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 the scheme was looked at
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    opener = urllib.request.build_opener(_proxies(url), urllib.request.HTTPSHandler(context=context))
    response: http.client.HTTPResponse = opener.open(request, timeout=SILENCE_SECONDS)
    return response


def _proxies(url: str) -> urllib.request.ProxyHandler:
    """The proxy of the environment, for `url` and where it is sent on to. Raises WeightsError if it cannot be used."""
    try:
        if url.startswith("https"):
            network.check_certificates()
        proxy = network.proxy_for(url)
    except ConfigError as error:
        raise WeightsError(error.message, hint=error.hint) from error
    return urllib.request.ProxyHandler(dict.fromkeys(("http", "https"), proxy) if proxy else {})


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
