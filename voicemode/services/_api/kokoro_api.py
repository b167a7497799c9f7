"""The text-to-speech server: OpenAI's speech API over the Kokoro engine."""

import base64
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from voicemode.audio.codec import CONTENT_TYPES, open_encoder
from voicemode.audio.frames import Frame
from voicemode.config import Settings
from voicemode.services._api.errors import ApiError
from voicemode.services._api.http import About, create_app, event, streamed
from voicemode.services._api.kokoro_request import MODELS, Ask, read_ask
from voicemode.services._api.kokoro_text import NothingToSayError
from voicemode.services._api.kokoro_voices import NAMES, Mix
from voicemode.services._api.news import News
from voicemode.services._api.room import EngineRoom
from voicemode.services._api.server import serve
from voicemode.services._hardware import choose_threads, usable_cpus
from voicemode.services._models import ensure, sources_from

RATE = 24_000


class Engine(Protocol):
    """What the server needs of KokoroEngine."""

    def speak(self, text: str, voice: Mix, *, speed: float, cancelled: threading.Event) -> Iterator[Frame]: ...


def run(settings: Settings, *, port: int | None = None, host: str = "127.0.0.1", idle_minutes: float | None = None) -> None:
    """Serve until asked to end or idle for so long; None is never. `port` None is the one in the settings.

    Raises ServiceError if the port cannot be had.
    """
    # Synthesis gains from the second hardware thread of a core: 0.71 s instead of 1.25 for a short sentence.
    threads = choose_threads(settings.kokoro_threads, usable_cpus())

    news = News()

    def load() -> Engine:
        from voicemode.services._api.kokoro_engine import KokoroEngine

        folder, sources = settings.models_path, sources_from(settings)
        model, voices = (ensure(name, folder, sources, news) for name in ("kokoro", "kokoro-voices"))
        news.fetched()
        engine = KokoroEngine(model, voices, threads=threads)
        engine.warm_up()
        return engine

    serve(kokoro_app(load, news), host=host, port=port or settings.kokoro_port, idle_minutes=idle_minutes)


def kokoro_app(load: Callable[[], Engine], news: News | None = None) -> Starlette:
    """The application; `load` is called in a thread once it starts."""
    room = EngineRoom(load)
    about = About(service="voicemode-kokoro", model="kokoro", models=MODELS, news=news or News())
    return create_app(about, room, KokoroApi(room).routes)


class KokoroApi:
    """The routes. All of them answer from one engine, one request at a time."""

    def __init__(self, room: EngineRoom[Engine]) -> None:
        self._room = room
        self.routes = [
            Route("/v1/audio/speech", self.speech, methods=["POST"]),
            Route("/v1/audio/voices", self.voices),
        ]

    async def voices(self, _request: Request) -> Response:
        return JSONResponse({"voices": list(NAMES)})

    async def speech(self, request: Request) -> Response:
        """The sound, while it is made. What fails after its start breaks the connection off: half is not taken for all."""
        ask = await read_ask(request)
        sound = self._room.stream(lambda engine, cancelled: encoded(engine, ask, cancelled))
        if ask.events:
            return await streamed(request, events(sound), media_type="text/event-stream")
        return await streamed(request, sound, media_type=CONTENT_TYPES[ask.format])


def encoded(engine: Engine, ask: Ask, cancelled: threading.Event) -> Iterator[bytes]:
    """What is said, as bytes of the format asked for. Called in the engine's thread. Raises ApiError."""
    encoder = open_encoder(ask.format, RATE)
    try:
        for frame in engine.speak(ask.text, ask.voice, speed=ask.speed, cancelled=cancelled):
            if chunk := encoder.encode(frame):
                yield chunk
    except NothingToSayError as error:
        raise ApiError(400, str(error), param="input", code="nothing_to_say") from error
    if rest := encoder.finish():
        yield rest


async def events(sound: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """`sound` as OpenAI's server-sent events."""
    async with aclosing(sound):
        async for chunk in sound:
            yield event({"type": "speech.audio.delta", "audio": base64.b64encode(chunk).decode()})
    yield event({"type": "speech.audio.done"})
