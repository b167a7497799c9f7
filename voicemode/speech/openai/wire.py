"""Requests to an endpoint: each step has a timeout, and nothing is sent anywhere else.

No redirect is followed and no cookie kept: either could carry a key or a voice to somebody else.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from voicemode.audio.frames import closing
from voicemode.config import Settings
from voicemode.speech.openai.address import Endpoint, refusal
from voicemode.speech.openai.errors import Step, too_long, too_slow, translated, within

if TYPE_CHECKING:
    import httpx2

REST_SECONDS = 0.01
"""Seconds to read on in a response that is left early: if it ends in that time, the connection can be reused."""
ERROR_BYTES = 64 * 1024
"""Limit on the part of an error response that is read."""
TEXT_BYTES = 32 * 1024 * 1024
"""Limit on a text response: more than the transcript of a day of speech."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts of the steps of a request."""

    connect_seconds: float
    first_byte_seconds: float
    """From the last byte sent to the first one received."""
    idle_seconds: float
    """Between two chunks of the request or of the response."""
    answer_seconds: float
    """For the whole request and response, without the time that the reader takes."""

    @classmethod
    def of(cls, settings: Settings, *, local: bool) -> "Timeouts":
        return cls(
            settings.connect_timeout_local if local else settings.connect_timeout,
            settings.first_byte_timeout,
            settings.idle_timeout,
            settings.answer_timeout,
        )

    def longer(self, seconds: float) -> "Timeouts":
        """Return the timeouts for a task that takes an endpoint `seconds` longer."""
        return replace(self, first_byte_seconds=self.first_byte_seconds + seconds, answer_seconds=self.answer_seconds + seconds)


class Wire:
    """Requests to one endpoint, with its key. Raises nothing but ProviderError."""

    def __init__(self, endpoint: Endpoint, http: "httpx2.AsyncClient", limits: Timeouts) -> None:
        self.endpoint = endpoint
        self.limits = limits
        self._http = http

    @asynccontextmanager
    async def ask(self, method: str, path: str, limits: Timeouts | None = None, **content: Any) -> AsyncIterator["Response"]:
        """Yield a successful response with its body unread; leaving early hangs up. Audio errors are translated, too.

        Args:
            method: GET or POST.
            path: Path below the base URL, such as "audio/speech".
            limits: Timeouts other than the endpoint's own.
            content: Arguments of `httpx2.AsyncClient.build_request`.
        """
        with translated(self.endpoint):
            answer = await self._send(method, path, limits or self.limits, content)
            try:
                if not answer.response.is_success:
                    body = await answer.beginning(ERROR_BYTES)
                    raise refusal(self.endpoint, answer.response.status_code, answer.response.headers, body)
                yield answer
            finally:
                await answer.close()

    async def _send(self, method: str, path: str, limits: Timeouts, content: Mapping[str, Any]) -> "Response":
        import httpx2

        progress = _Progress(limits)
        request = self._http.build_request(
            method,
            self.endpoint.at(path),
            timeout=httpx2.Timeout(None, write=limits.idle_seconds),
            extensions={"trace": progress},
            **content,
        )
        if self.endpoint.api_key:
            request.headers["Authorization"] = f"Bearer {self.endpoint.api_key}"
        try:
            async with progress.timeout:
                response = await self._over_a_living_connection(request, progress)
        except TimeoutError as error:
            raise too_slow(self.endpoint, progress.step, progress.seconds) from error
        return Response(self.endpoint, response, limits, progress.left_seconds)

    async def _over_a_living_connection(self, request: "httpx2.Request", progress: "_Progress") -> "httpx2.Response":
        """Send the request and return the head of the response.

        The server can close a kept connection just as it is reused. Only then, before any of the response has come, is the
        request resent: one that broke on a new connection may have been processed, and charged for.
        """
        import httpx2

        while True:
            progress.begin()
            try:
                return await self._http.send(request, stream=True, follow_redirects=False)
            except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError) as error:
                if progress.connected_anew or _has_answered(error):
                    raise


def _has_answered(error: Exception) -> bool:
    """True if something came back that the HTTP parser could not read."""
    import h11

    return within(error, h11.RemoteProtocolError) is not None


class _Progress:
    """Progress of a request as reported by the library; sets the timeout of each step."""

    def __init__(self, limits: Timeouts) -> None:
        self.timeout = asyncio.timeout(None)
        self.step = Step.CONNECT
        self.seconds = limits.connect_seconds
        """Timeout of the step."""
        self.connected_anew = False
        self._limits = limits
        self._clock = asyncio.get_running_loop().time
        self._end = self._clock() + limits.answer_seconds

    def begin(self) -> None:
        self.connected_anew = False
        self._enter(Step.CONNECT, self._limits.connect_seconds)

    @property
    def left_seconds(self) -> float:
        """Seconds left for the whole response."""
        return self._end - self._clock()

    async def __call__(self, event: str, _: Mapping[str, Any]) -> None:
        """Receive an event of the library, such as "http11.send_request_headers.started"."""
        match event.partition(".")[2]:
            case "connect_tcp.started":
                self.connected_anew = True
            case "send_request_headers.started":
                self._enter(Step.FINISH, self._limits.answer_seconds)
            case "receive_response_headers.started":
                self._enter(Step.BEGIN, self._limits.first_byte_seconds)

    def _enter(self, step: Step, seconds: float) -> None:
        self.step, self.seconds = step, seconds
        self.timeout.reschedule(min(self._clock() + seconds, self._end))


class Response:
    """A response with its body unread."""

    def __init__(self, endpoint: Endpoint, response: "httpx2.Response", limits: Timeouts, left_seconds: float) -> None:
        self.response = response
        self._endpoint = endpoint
        self._limits = limits
        self._left_seconds = left_seconds
        self._chunks = response.aiter_bytes()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes. Time that the reader takes between two chunks does not count against the endpoint."""
        while (chunk := await self._next()) is not None:
            yield chunk

    async def _next(self) -> bytes | None:
        clock = asyncio.get_running_loop().time
        begun = clock()
        if self._left_seconds <= 0:
            raise too_slow(self._endpoint, Step.FINISH, self._limits.answer_seconds)
        try:
            async with asyncio.timeout(min(self._limits.idle_seconds, self._left_seconds)):
                return await anext(self._chunks, None)
        except TimeoutError as error:
            if self._left_seconds < self._limits.idle_seconds:
                raise too_slow(self._endpoint, Step.FINISH, self._limits.answer_seconds) from error
            raise too_slow(self._endpoint, Step.GO_ON, self._limits.idle_seconds) from error
        finally:
            self._left_seconds -= clock() - begun

    async def text(self) -> bytes:
        """Return the whole body of a response that is not audio."""
        body = await self.beginning(TEXT_BYTES)
        if len(body) >= TEXT_BYTES:
            raise too_long(self._endpoint)
        return body

    async def beginning(self, size: int) -> bytes:
        """Return at least the first `size` bytes, or the whole body if it is shorter."""
        body = bytearray()
        async with closing(self.chunks()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) >= size:
                    break
        return bytes(body)

    async def close(self) -> None:
        """Close the response; its connection is kept if the rest arrives within REST_SECONDS."""
        import httpx2

        try:
            with suppress(TimeoutError, httpx2.HTTPError, httpx2.StreamError):
                async with asyncio.timeout(REST_SECONDS):
                    async for _ in self._chunks:
                        pass
        finally:
            await self.response.aclose()
