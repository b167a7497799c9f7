"""Server-sent events with JSON in them."""

import json
from collections.abc import AsyncIterator
from typing import Any

PREFIX = b"data:"


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """The objects that `chunks` are, as they come. What is no JSON object is passed over."""
    pending = b""
    async for chunk in chunks:
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            if line.startswith(PREFIX) and (said := decoded(line.removeprefix(PREFIX))):
                yield said


def decoded(data: bytes) -> dict[str, Any]:
    """The object that `data` is; empty if it is none."""
    try:
        said = json.loads(data)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
