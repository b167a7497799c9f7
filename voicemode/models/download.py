"""Files over HTTP, continued where a connection broke or came to a standstill. Blocks: call it in a thread of its own."""

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
"""How long a host may take to connect, and to send the next bytes."""

PARTIAL_CONTENT = 206

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""What the system says where there is no room left."""

Advance = Callable[[float], None]
"""Told how many bytes were gained; negative where a download had to begin again."""


class BrokenError(WeightsError):
    """A connection ended before the file did; what has come of it is kept."""


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
            asyncio.run(_continue(url, to, size_bytes, advance))
        except BrokenError:
            if _size(to) <= have:
                raise


def remote_bytes(url: str) -> int:
    """Return the size of the file at `url`. Raises WeightsError."""
    return asyncio.run(_remote_bytes(url))


def is_full(error: Exception) -> bool:
    """True if the disk has no room left: no other source could help."""
    return isinstance(error, OSError) and error.errno in FULL


def reason(error: BaseException) -> str:
    """Return the reason in the words of the system, without addresses or objects."""
    said = str(error)
    if isinstance(error, OSError) and error.errno:
        # Libraries put words of their own, with addresses in them, where those of the system were.
        said = os.strerror(error.errno) if error.errno in errno.errorcode else str(error.strerror)
    return said or type(error).__name__


async def _continue(url: str, to: Path, size_bytes: int, advance: Advance) -> None:
    have = _size(to)
    async with _opened(url, have) as response:
        if have and response.status_code != PARTIAL_CONTENT:
            advance(-have)
            have = 0
        with to.open("ab" if have else "wb") as file:
            # Each piece is written as it comes: whatever happens next, it is there.
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
    """The answer with the file from `offset` on. Raises WeightsError, also for what goes wrong within."""
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
    """The failure of the system at the bottom of `error`; `error` itself if there is none."""
    found, below = error, error.__cause__ or error.__context__
    while below is not None:
        found = below if isinstance(below, OSError) and below.strerror else found
        # Several addresses were tried, and failed.
        below = below.exceptions[0] if isinstance(below, BaseExceptionGroup) else below.__cause__ or below.__context__
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
