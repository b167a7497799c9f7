"""Errors in the shape of OpenAI's API, so that any OpenAI client maps them to the exceptions its users know."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ExceptionHandler

from voicemode.errors import NO_REMEDY, Remedy, UnsupportedAudioError, VoiceModeError

FAILED = 500
"""This status and those above are the server's fault."""
HUNG_UP = 499
"""Status that web servers log for a client that did not wait for its response."""
KINDS = {404: "not_found_error", 429: "rate_limit_error"}
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
        hint: Remedy | str = NO_REMEDY,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`param` names the field at fault, `code` is for programs, `hint` says what a person can do."""
        super().__init__(message, hint=hint)
        self.status = status
        self.param = param
        self.code = code
        self.headers = headers

    @property
    def body(self) -> dict[str, dict[str, Any]]:
        """OpenAI's error object; if there is a remedy, with the reason and the remedy as two more fields."""
        kind = KINDS.get(self.status, "server_error" if self.status >= FAILED else "invalid_request_error")
        told = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return {"error": told | ({"reason": self.message, "remedy": asdict(self.hint)} if self.hint else {})}

    def response(self) -> Response:
        return JSONResponse(self.body, self.status, headers=self.headers)


def as_api_error(error: Exception) -> ApiError:
    """Return the error as reported to the client. Only expected failures show their text."""
    match error:
        case ApiError():
            return error
        case UnsupportedAudioError():
            return ApiError(400, error.message, hint=error.hint, param="file", code="unsupported_audio")
        case VoiceModeError():
            return ApiError(FAILED, error.message, hint=error.hint)
        case HTTPException(status_code=404):
            return ApiError(404, "There is no such path here.", code="not_found")
        case HTTPException(status_code=405):
            return ApiError(405, "This path does not take that method.", code="method_not_allowed", headers=error.headers)
        case HTTPException():
            return ApiError(error.status_code, error.detail, headers=error.headers)
        case _:
            return ApiError(FAILED, "The server failed; its log has the reason.", code="internal_error")


def exception_handlers(note: Callable[[str, Exception], None] = lambda path, error: None) -> dict[type, ExceptionHandler]:
    """Return an application's handlers. `note` receives the path and error of each request that the server failed."""

    async def failure(request: Request, error: Exception) -> Response:
        told = as_api_error(error)
        if told.status >= FAILED:
            note(request.url.path, error)
        return told.response()

    async def client_gone(_request: Request, _error: Exception) -> Response:
        return Response(status_code=HUNG_UP)

    return {VoiceModeError: failure, HTTPException: failure, ClientDisconnect: client_gone, Exception: failure}
