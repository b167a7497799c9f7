"""Server-sent events that carry JSON."""

import json
from collections.abc import AsyncIterator
from typing import Any

PREFIX = b"data:"


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """Yield the JSON objects in `chunks` as they come; skip anything else."""
    pending = b""
    async for chunk in chunks:
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            if line.startswith(PREFIX) and (said := decoded(line.removeprefix(PREFIX))):
                yield said


def decoded(data: bytes) -> dict[str, Any]:
    """Return the JSON object in `data`; empty if it is none."""
    try:
        said = json.loads(data)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
