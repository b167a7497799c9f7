"""Failures as the page is told of them: `{"error": {"code", "message", "hint"}}`."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voicemode.errors import NO_REMEDY, Remedy, VoiceModeError


class PageError(VoiceModeError):
    """A request that is not answered as it was meant. `code` is for the page's program, the rest for its reader."""

    def __init__(
        self, status: int, code: str, message: str, *, hint: Remedy | str = NO_REMEDY, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.headers = headers

    def response(self) -> Response:
        told = {"code": self.code, "message": self.message, "hint": str(self.hint)}
        return JSONResponse({"error": told}, self.status, headers=self.headers)


def as_page_error(error: Exception) -> PageError:
    """Return the error as the page is told. Only failures we saw coming show their text."""
    match error:
        case PageError():
            return error
        case VoiceModeError():
            return PageError(503, "unavailable", error.message, hint=error.hint)
        case HTTPException(status_code=404):
            return PageError(404, "not_found", "There is nothing here.")
        case HTTPException(status_code=405):
            return PageError(405, "method_not_allowed", "This path does not take that method.", headers=error.headers)
        case HTTPException():
            return PageError(error.status_code, "refused", error.detail, headers=error.headers)
        case _:
            return PageError(500, "internal_error", "The server failed; its log has the reason.")


async def failure(_request: Request, error: Exception) -> Response:
    """The handler of all exceptions."""
    return as_page_error(error).response()
