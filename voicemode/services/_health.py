"""Asking a local server how it is. A bare HTTP request: nothing has to be imported for it."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

ANSWER_SECONDS = 5.0
"""A server answers at once; a machine that is busy transcribing may need a moment."""

AGAIN_SECONDS = 0.1
MAX_BYTES = 64 * 1024
CHUNK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Health:
    """What a server says of itself. All empty: something is there that does not say."""

    service: str = ""
    status: str = ""
    """`loading`, `ready` or `failed`."""
    model: str = ""
    version: str = ""
    pid: int = 0
    error: str = ""
    """Why it failed, with what would help."""
    detail: str = ""
    """What it does while it is loading, where that takes long: fetching weights."""


STRANGER = Health()


async def health(url: str) -> Health | None:
    """What answers at `url` (http, `/health` included); None if nothing listens there."""
    address = urlsplit(url)
    for _ in range(2):
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return _understand(await _get(address.hostname or "", address.port or 80, address.path))
        except TimeoutError:
            return STRANGER
        except ConnectionRefusedError:
            return None
        except OSError:
            # A server on its way out hangs up; a moment later it refuses.
            await asyncio.sleep(AGAIN_SECONDS)
    return STRANGER


async def _get(host: str, port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while len(answer) < MAX_BYTES and (chunk := await reader.read(CHUNK_BYTES)):
            answer += chunk
        if not answer:
            raise ConnectionResetError("closed without an answer")
        return answer
    finally:
        writer.close()


def _understand(answer: bytes) -> Health:
    body = answer.partition(b"\r\n\r\n")[2]
    try:
        said = json.loads(body)
    except ValueError:
        return STRANGER
    return _from_json(said) if isinstance(said, dict) else STRANGER


def _from_json(said: dict[str, Any]) -> Health:
    def text(name: str) -> str:
        return str(said.get(name) or "")

    pid = said.get("pid")
    number = pid if isinstance(pid, int) else 0
    return Health(text("service"), text("status"), text("model"), text("version"), number, text("error"), text("detail"))
