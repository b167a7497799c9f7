"""Request bodies."""

import json
from typing import Any

from starlette.requests import Request

from voicemode.http_server.errors import ApiError


async def json_object(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body of `request`. Raises ApiError 400."""
    try:
        body = json.loads(await request.body())
    # Nesting deep enough exhausts the stack.
    except (ValueError, RecursionError):
        raise malformed("The request must be JSON.") from None
    if not isinstance(body, dict):
        raise malformed("The request must be a JSON object.")
    return body


def malformed(message: str) -> ApiError:
    return ApiError(400, message, code="malformed")
