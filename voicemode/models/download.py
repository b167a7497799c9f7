"""HTTP downloads, resumed after a connection broke or stalled. Blocks: call it in a thread of its own."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from voicemode.errors import ConfigError, LocalOnlyError, WeightsError
from voicemode.http_client.client import open_http

if TYPE_CHECKING:
    import httpx2

SILENCE_SECONDS = 5.0
"""Timeout for connecting to a host, and for its next bytes."""

PARTIAL_CONTENT = 206

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""Error numbers of a full disk or an exhausted quota."""

Advance = Callable[[float], None]
"""Callback for the number of bytes gained; negative if a download had to start over."""


class BrokenError(WeightsError):
    """The connection failed before the end of the file; the bytes received are kept."""


def host(url: str) -> str:
    """Return host and port of `url`, without any credentials."""
    return urlsplit(url).netloc.rpartition("@")[2]


def download(url: str, to: Path, size_bytes: int, advance: Advance) -> None:
    """Fetch `size_bytes` of `url` into `to`, resuming a partial download.

    Retries after a broken connection as long as each attempt gains bytes.

    Raises:
        WeightsError: The file is not available from `url`.
        OSError: The file cannot be written, for example to a full disk.
    """
    if _size(to) > size_bytes:
        to.unlink()
    advance(_size(to))
    while (have := _size(to)) < size_bytes:
        try:
            asyncio.run(_continue(url, to, size_bytes, advance))
        except BrokenError:
            if _size(to) <= have:
                raise


def remote_bytes(url: str) -> int:
    """Return the size of the file at `url`. Raises WeightsError."""
    return asyncio.run(_remote_bytes(url))


def is_full(error: Exception) -> bool:
    """True if the disk has no space left, so that no other source could help."""
    return isinstance(error, OSError) and error.errno in FULL


def reason(error: BaseException) -> str:
    """Return the reason in the operating system's words, without addresses or objects."""
    said = str(error)
    if isinstance(error, OSError) and error.errno:
        # Libraries replace the system's message with their own, which contains addresses.
        said = os.strerror(error.errno) if error.errno in errno.errorcode else str(error.strerror)
    return said or type(error).__name__


async def _continue(url: str, to: Path, size_bytes: int, advance: Advance) -> None:
    have = _size(to)
    async with _opened(url, have) as response:
        if have and response.status_code != PARTIAL_CONTENT:
            advance(-have)
            have = 0
        with to.open("ab" if have else "wb") as file:
            # Each piece is written as it arrives, so that an interruption loses nothing.
            async for piece in response.aiter_raw():
                have += len(piece)
                if have > size_bytes:
                    raise WeightsError("the file there is longer than the official one")
                file.write(piece)
                advance(len(piece))
    if have < size_bytes:
        raise BrokenError("the file there is shorter than the official one")


async def _remote_bytes(url: str) -> int:
    async with _opened(url, 0) as response:
        length = response.headers.get("content-length", "")
        if not length.isdecimal():
            raise WeightsError("it does not say how long the file is")
        return int(length)


@asynccontextmanager
async def _opened(url: str, offset: int) -> AsyncIterator["httpx2.Response"]:
    """Open the response with the file from `offset` on. Raises WeightsError, also for HTTP errors within the block."""
    import httpx2

    if urlsplit(url).scheme not in {"http", "https"}:
        raise WeightsError(f"{url.partition(':')[0]!r} is not HTTP")
    span = {"Range": f"bytes={offset}-"} if offset else {}
    try:
        async with (
            open_http() as http,
            http.stream("GET", url, headers=span, timeout=SILENCE_SECONDS, follow_redirects=True) as response,
        ):
            if not response.is_success:
                raise WeightsError(f"HTTP {response.status_code} {response.reason_phrase}".strip())
            yield response
    except (ConfigError, LocalOnlyError) as error:
        raise WeightsError(error.message, hint=error.hint) from error
    except httpx2.TimeoutException as error:
        raise BrokenError(f"no answer within {SILENCE_SECONDS:g} s") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise BrokenError(reason(cause(error))) from error


def cause(error: BaseException) -> BaseException:
    """Return the OSError at the root of `error`; `error` itself if there is none."""
    found, below = error, error.__cause__ or error.__context__
    while below is not None:
        found = below if isinstance(below, OSError) and below.strerror else found
        # Several addresses were tried and failed; follow the first.
        below = below.exceptions[0] if isinstance(below, BaseExceptionGroup) else below.__cause__ or below.__context__
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
