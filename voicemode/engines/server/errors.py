"""Errors as OpenAI's API shapes them, so that any OpenAI client maps them to the exceptions its users know."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voicemode.errors import NO_REMEDY, Remedy, UnsupportedAudioError, VoiceModeError

KINDS = {404: "not_found_error", 405: "invalid_request_error", 413: "invalid_request_error", 429: "rate_limit_error"}
"""`type` of the statuses that have one of their own; others are invalid_request_error below 500, server_error above."""


class ApiError(VoiceModeError):
    """A request that cannot be answered. The message is for the client: what is wrong, what would be right."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        hint: Remedy = NO_REMEDY,
    ) -> None:
        """`param` names the field at fault."""
        super().__init__(message, hint=hint)
        self.status = status
        self.kind = KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
        self.param = param
        self.code = code
        self.headers = headers

    @property
    def body(self) -> dict[str, dict[str, Any]]:
        """OpenAI's error object; for our own client, its remedy apart from the message, too."""
        told = {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}
        return {"error": told | ({"reason": self.message, "remedy": asdict(self.hint)} if self.hint else {})}

    def response(self) -> Response:
        return JSONResponse(self.body, self.status, headers=self.headers)


def as_api_error(error: Exception) -> ApiError:
    """Return the error as the client is told. Only failures we saw coming show their text."""
    match error:
        case ApiError():
            return error
        case UnsupportedAudioError():
            return ApiError(400, error.message, hint=error.hint, param="file", code="unsupported_audio")
        case VoiceModeError():
            return ApiError(500, error.message, hint=error.hint)
        case HTTPException(status_code=404):
            return ApiError(404, "There is no such path here. See /v1/models and /health.", code="unknown_url")
        case HTTPException(status_code=405):
            return ApiError(405, "This path does not take that method.", code="method_not_allowed", headers=error.headers)
        case HTTPException():
            return ApiError(error.status_code, error.detail, headers=error.headers)
        case _:
            return ApiError(500, "The server failed; its log has the reason.", code="internal_error")


def cause(error: Exception) -> str:
    """Why a request failed, for whoever looks after the server. Of a crash only its kind: its text may hold content."""
    # Starlette wraps what fails after an answer has begun.
    origin = error if isinstance(error, VoiceModeError) else error.__cause__ or error
    return str(origin) if isinstance(origin, VoiceModeError) else type(origin).__name__


async def client_gone(_request: Request, _error: Exception) -> Response:
    """Response for a client that hung up; the status is what web servers log then."""
    return Response(status_code=499)
