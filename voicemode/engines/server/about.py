"""Status endpoints of a server: /health, /metrics and /v1/models."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from voicemode import __version__
from voicemode.engines.server.counters import Counters, memory_bytes
from voicemode.engines.server.metrics import CONTENT_TYPE, Metric, Sample, gauge, render
from voicemode.engines.server.progress import EngineProgress
from voicemode.engines.server.queue import EngineHost
from voicemode.http_server.errors import ApiError


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Constant facts about a server."""

    service: str
    """Name in /health: `voicemode-whisper`, `voicemode-kokoro`."""
    model: str
    """Name of the default model."""
    models: Callable[[], Sequence[str]]
    """Callback for the model names that requests can use, for /v1/models. Called in a thread."""
    news: EngineProgress = field(default_factory=EngineProgress)
    """Progress of loading the engine."""
    max_body_bytes: int = 1024 * 1024
    """Size limit of a request; larger ones are refused with 413."""


class AboutApi:
    """The routes. None waits for the engine."""

    def __init__(self, about: About, room: EngineHost[Any], tally: Counters) -> None:
        self._about = about
        self._room = room
        self._tally = tally
        self.routes: list[BaseRoute] = [
            Route("/health", self.health),
            Route("/metrics", self.metrics),
            Route("/v1/models", self.models),
            Route("/v1/models/{model:path}", self.model),
        ]

    async def health(self, request: Request) -> Response:
        """Return 200 if the default model is loaded, otherwise 503 with `status` `loading` or `failed`, and the `error`."""
        state, latest = self._room.state, self._about.news.latest
        answer = {
            "service": self._about.service,
            "status": state.status,
            "model": self._about.model,
            "models": self._room.loaded,
            "version": __version__,
            "pid": os.getpid(),
            "port": request.scope["server"][1],
            "uptime_seconds": round(self._tally.uptime_seconds, 1),
            "requests": self._tally.requests.total,
            "memory_bytes": memory_bytes(),
            "last_error": self._tally.last_error,
            "progress": asdict(latest) if latest and state.status == "loading" else None,
            "error": state.error,
            "remedy": asdict(state.remedy),
        }
        return JSONResponse(answer, 200 if state.status == "ready" else 503)

    async def metrics(self, _request: Request) -> Response:
        """Return the metrics in Prometheus's text format."""
        metrics = [*self._tally.metrics(), *room_metrics(self._about.service, self._room)]
        return PlainTextResponse(render(metrics), media_type=CONTENT_TYPE)

    async def models(self, _request: Request) -> Response:
        names = await asyncio.to_thread(self._about.models)
        return JSONResponse({"object": "list", "data": [listed(name) for name in names]})

    async def model(self, request: Request) -> Response:
        name, names = request.path_params["model"], await asyncio.to_thread(self._about.models)
        if name not in names:
            raise unknown_model(name, names)
        return JSONResponse(listed(name))


def room_metrics(service: str, room: EngineHost[Any]) -> list[Metric]:
    """Return the current metrics of the engines."""
    labels = ({"service": service, "model": model, "version": __version__} for model in room.loaded)
    loaded = tuple(Sample(1, tuple(each.items())) for each in labels)
    return [
        Metric("voicemode_model_info", "Models that are loaded.", "gauge", loaded),
        gauge("voicemode_ready", "Whether the default model is loaded.", room.state.status == "ready"),
        gauge("voicemode_queue_depth", "Requests that wait for the engine.", room.waiting),
    ]


def listed(name: str) -> dict[str, object]:
    """Return a model in the form of OpenAI's API."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "voicemode"}


def unknown_model(name: str, known: Sequence[str]) -> ApiError:
    return ApiError(
        404, f"There is no model {name!r} here; there is {', '.join(known)}.", param="model", code="model_not_found"
    )
