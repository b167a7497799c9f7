"""Signing in with a pairing link or the password, and sessions, which are cookies that no script can read."""

import asyncio
import hashlib
import hmac
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from voicemode import __version__
from voicemode.config import Settings
from voicemode.errors import Remedy
from voicemode.http_server.errors import ApiError
from voicemode.web import request_body
from voicemode.web.attempts import Attempts
from voicemode.web.guards import Names
from voicemode.web.issued_secrets import Ledger

PAIRING_SECONDS = 600.0
SESSION_SECONDS = 30 * 86_400.0
"""Lifetime of a session after the last time the page was opened."""
RENEWED_SECONDS = SESSION_SECONDS - 86_400.0
"""Remaining lifetime below which a session is renewed: the file is written once a day, not at each visit."""
COOKIE = "voicemode"
SECURE_COOKIE = "__Host-voicemode"
"""Name of the cookie over TLS: its prefix makes browsers accept it only from this very host, over TLS."""


def pairing_codes(settings: Settings) -> Ledger:
    """Return the ledger of unused pairing codes. The command line issues them, the server takes them."""
    return Ledger(settings.state_dir / "frontend-pairing.json", PAIRING_SECONDS)


def open_sessions(settings: Settings) -> Ledger:
    """Return the ledger of the sessions of browsers."""
    return Ledger(settings.state_dir / "frontend-sessions.json", SESSION_SECONDS)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser that is signed in."""

    secret: str

    @property
    def identity(self) -> str:
        """Identity in rooms: stable across reloads, different for each browser, and never an agent's."""
        return f"person-{hashlib.sha256(f'identity {self.secret}'.encode()).hexdigest()[:16]}"


class SignIn:
    """Authentication of browsers, and its routes."""

    def __init__(self, settings: Callable[[], Settings], names: Names) -> None:
        self._settings = settings
        self._names = names
        first = settings()
        self._codes, self._sessions = pairing_codes(first), open_sessions(first)
        self._attempts = Attempts(time.monotonic)
        self.routes: list[BaseRoute] = [
            Route("/api/session", self.session),
            Route("/api/pair", self.pair, methods=["POST"]),
            Route("/api/password", self.password, methods=["POST"]),
            Route("/api/sign-out", self.sign_out, methods=["POST"]),
        ]

    async def visitor(self, connection: HTTPConnection) -> Visitor:
        """Return the visitor of a connection. Raises ApiError 401 if the browser is not signed in."""
        secret = self._secret(connection)
        if not secret or not await asyncio.to_thread(self._sessions.left_seconds, secret):
            link = Remedy("Open a new link", "voicemode frontend open")
            raise ApiError(401, "You are not signed in.", code="signed_out", hint=link)
        return Visitor(secret)

    async def session(self, request: Request) -> Response:
        """Return the browser's sign-in state and the ways to sign in; renew an ageing session."""
        secret = self._secret(request)
        left = await asyncio.to_thread(self._sessions.left_seconds, secret) if secret else 0.0
        ways = ["pairing", "password"] if await self._wanted() else ["pairing"]
        answer = JSONResponse({"signed_in": left > 0, "ways": ways, "version": __version__})
        if 0 < left < RENEWED_SECONDS:
            await asyncio.to_thread(self._sessions.renew, secret)
            self._set_cookie(request, answer, secret)
        return answer

    async def pair(self, request: Request) -> Response:
        """Sign in with the code of a link. A valid code skips the rate limit, since nobody can guess one."""
        (code,) = await request_body.texts(request, "code")
        if not await asyncio.to_thread(self._codes.take, code):
            self._admit(request)
            raise ApiError(
                403,
                "This link has been used, or is older than ten minutes.",
                code="expired_link",
                hint=Remedy("Make a new one", "voicemode frontend open"),
            )
        return await self._welcome(request)

    async def password(self, request: Request) -> Response:
        """Sign in with the password from the settings."""
        (given,) = await request_body.texts(request, "password")
        wanted = await self._wanted()
        if not wanted:
            link = Remedy("Open a link instead", "voicemode frontend open")
            raise ApiError(403, "No password is set.", code="no_password", hint=link)
        self._admit(request)
        if not same(given, wanted):
            raise ApiError(403, "That is not the password.", code="wrong_password")
        self._attempts.forgive(client_of(request))
        return await self._welcome(request)

    async def sign_out(self, request: Request) -> Response:
        """End this browser's session."""
        if secret := self._secret(request):
            await asyncio.to_thread(self._sessions.take, secret)
        answer = Response(status_code=204)
        answer.delete_cookie(self._cookie(request), secure=self._secure(request), httponly=True, samesite="strict")
        return answer

    async def _wanted(self) -> str:
        """Return the password; empty if there is none."""
        return (await asyncio.to_thread(self._settings)).frontend_password

    def _admit(self, request: Request) -> None:
        """Record a guess of the client. Raises ApiError 429 after too many."""
        if wait := self._attempts.wait_seconds(client_of(request)):
            seconds = math.ceil(wait)
            raise ApiError(
                429,
                f"Too many attempts. Try again in {seconds} s.",
                code="too_many_attempts",
                headers={"retry-after": str(seconds)},
            )
        self._attempts.note(client_of(request))

    async def _welcome(self, request: Request) -> Response:
        answer = Response(status_code=204)
        self._set_cookie(request, answer, await asyncio.to_thread(self._sessions.issue))
        return answer

    def _secret(self, connection: HTTPConnection) -> str:
        return connection.cookies.get(self._cookie(connection), "")

    def _set_cookie(self, connection: HTTPConnection, answer: Response, secret: str) -> None:
        answer.set_cookie(
            self._cookie(connection),
            secret,
            max_age=round(SESSION_SECONDS),
            secure=self._secure(connection),
            httponly=True,
            samesite="strict",
        )

    def _cookie(self, connection: HTTPConnection) -> str:
        return SECURE_COOKIE if self._secure(connection) else COOKIE

    def _secure(self, connection: HTTPConnection) -> bool:
        return self._names.encrypted(connection.scope)


def client_of(request: Request) -> str:
    """Return the address a request comes from; empty if it is unknown."""
    return request.client.host if request.client else ""


def same(given: str, wanted: str) -> bool:
    """True if two texts are equal. The time taken reveals neither where they differ nor how long they are."""
    one, other = (hashlib.sha256(text.encode(errors="replace")).digest() for text in (given, wanted))
    return hmac.compare_digest(one, other)
