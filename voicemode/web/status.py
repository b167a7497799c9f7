"""Status of the services that a conversation needs, for the page."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from voicemode.config import Settings
from voicemode.config.urls import Address
from voicemode.http_client.bare import get
from voicemode.services import find
from voicemode.services.health import health
from voicemode.services.install.record import load_record
from voicemode.services.service import Service
from voicemode.transports.livekit.access import find_access
from voicemode.web.entry import SignIn

ANSWER_SECONDS = 2.0
WORDS = {"ready": "running", "loading": "loading", "failed": "broken"}
SPEECH = ("whisper", "kokoro")

Chosen = Callable[[], Awaitable[dict[str, str]]]
"""Returns the provider that would be used now, by kind: stt, tts."""


class StatusApi:
    """The route of the status."""

    def __init__(self, settings: Callable[[], Settings], entry: SignIn, chosen: Chosen) -> None:
        self._settings = settings
        self._entry = entry
        self._chosen = chosen
        self.routes: list[BaseRoute] = [Route("/api/status", self.status)]

    async def status(self, request: Request) -> Response:
        await self._entry.visitor(request)
        settings, speech = await asyncio.to_thread(self._settings), [find(name) for name in SPEECH]
        *states, livekit, providers = await asyncio.gather(
            *(speech_state(service, settings) for service in speech), livekit_state(settings), self._chosen()
        )
        return JSONResponse(
            {"services": {**dict(zip(SPEECH, states, strict=True)), "livekit": livekit}, "providers": providers}
        )


async def speech_state(service: Service, settings: Settings) -> str:
    """Return `running`, `loading`, `broken`, `stopped`, `on demand` (it starts when needed) or `not installed`."""
    if state := await health(service.health_url(settings)):
        # Another server on the port is used like ours.
        return WORDS.get(state.status, "running")
    record = await asyncio.to_thread(load_record, service, settings)
    if record and (record.kept or not settings.auto_start):
        return "stopped"
    return "on demand" if record or (settings.auto_start and service.installed) else "not installed"


async def livekit_state(settings: Settings) -> str:
    """Return `running`, `broken`, `stopped`, `not installed`, or `elsewhere` if LiveKit is on another machine."""
    access = await asyncio.to_thread(find_access, settings)
    if access is None:
        return "not installed"
    if not access.is_here:
        return "elsewhere"
    address = Address.parse(access.url)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return "running" if (await get(address.host, address.port, "/")).status == 200 else "broken"
    except (OSError, TimeoutError):
        return "stopped"
