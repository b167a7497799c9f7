"""Health checks of local servers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from voicemode.config import Settings
from voicemode.errors import NO_REMEDY, Remedy, remedy_of
from voicemode.http_client.bare import get
from voicemode.http_client.body import parsed
from voicemode.progress import Progress, from_json
from voicemode.services.service import Service

ANSWER_SECONDS = 5.0
"""Timeout of a health check. A server answers at once, but a machine that is busy transcribing can take a moment."""

AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Health:
    """Health as a server reports it; all fields are empty if something answers without reporting its health."""

    service: str = ""
    status: str = ""
    """`loading`, `ready` or `failed`."""
    model: str = ""
    version: str = ""
    pid: int = 0
    error: str = ""
    """Cause of a failure; empty if there is none."""
    remedy: Remedy = NO_REMEDY
    progress: Progress | None = None
    """Progress of loading where that takes long, as when weights are downloaded."""
    requests: int = 0
    """Requests answered since the server started."""
    last_error: str = ""
    """Error of the last failed request; empty if none has failed."""


STRANGER = Health()


async def health_of(service: Service, settings: Settings) -> Health | None:
    """Return the health of the server at the address of `service`; None if nothing listens there."""
    return await _ask(service.health_url(settings), partial(_worded, service) if service.health_words else _understand)


async def health(url: str) -> Health | None:
    """Return the health of the server at `url` (http, `/health` included); None if nothing listens there."""
    return await _ask(url, _understand)


async def _ask(url: str, understand: Callable[[bytes], Health]) -> Health | None:
    address = urlsplit(url)
    for _ in range(2):
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return understand((await get(address.hostname or "", address.port or 80, address.path)).body)
        except TimeoutError:
            return STRANGER
        except ConnectionRefusedError:
            return None
        except OSError:
            # A server that is shutting down drops the connection; a moment later it refuses new ones.
            await asyncio.sleep(AGAIN_SECONDS)
    return STRANGER


def _worded(service: Service, body: bytes) -> Health:
    said = body.decode(errors="replace")
    statuses = (status for words, status in service.health_words if said.startswith(words))
    return next((Health(service.health_name, status) for status in statuses), STRANGER)


def _understand(body: bytes) -> Health:
    said = parsed(body)
    return _from_json(said) if isinstance(said, dict) else STRANGER


def _from_json(said: dict[str, Any]) -> Health:
    def text(name: str) -> str:
        return str(said.get(name) or "")

    def number(name: str) -> int:
        value = said.get(name)
        return value if isinstance(value, int) else 0

    return Health(
        text("service"),
        text("status"),
        text("model"),
        text("version"),
        number("pid"),
        text("error"),
        remedy_of(said.get("remedy")),
        from_json(said.get("progress")),
        number("requests"),
        text("last_error"),
    )
