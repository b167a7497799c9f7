"""The speech-to-text server: OpenAI's transcription API over the Whisper engine."""

import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from voicemode.audio.codec import decode_file
from voicemode.audio.frames import Frame
from voicemode.config import Settings
from voicemode.errors import VoiceModeError
from voicemode.services._api.errors import as_api_error
from voicemode.services._api.http import About, create_app, event, streamed, unless_gone
from voicemode.services._api.news import News
from voicemode.services._api.room import EngineRoom
from voicemode.services._api.server import serve
from voicemode.services._api.whisper_answer import Meter, Result, render, text_of
from voicemode.services._api.whisper_request import Ask, Offer, read_ask
from voicemode.services._api.whisper_transcript import Options, Segment
from voicemode.services._hardware import choose_threads, choose_whisper_model, usable_cores, usable_cpus
from voicemode.services._models import ensure, sources_from

RATE = 16_000
LARGEST_UPLOAD = 1024**3
"""Bytes; an hour of CD sound is 635 million."""
KNOWN_WEIGHTS = ("tiny.en", "base")
"""Clients may ask for either by name, and get what is loaded: which one that is, is the server's choice."""


class Engine(Protocol):
    """What the server needs of WhisperEngine."""

    def transcribe(self, frames: Iterable[Frame], options: Options, cancelled: threading.Event) -> Iterator[Segment]: ...


def run(settings: Settings, *, port: int | None = None, host: str = "127.0.0.1", idle_minutes: float | None = None) -> None:
    """Serve until asked to end or idle for so long; None is never. `port` None is the one in the settings.

    Raises ServiceError if the port cannot be had.
    """
    auto = settings.whisper_model == "auto"
    name = choose_whisper_model(usable_cpus()) if auto else settings.whisper_model
    folder = settings.models_path
    # One core is left to the rest: threads that wait for each other on a busy machine are many times slower than one.
    threads = choose_threads(settings.whisper_threads, usable_cores() - 1)

    news = News()

    def load() -> Engine:
        from voicemode.services._api.whisper_engine import load_whisper

        weights = ensure(f"whisper-{name}", folder, sources_from(settings), news)
        news.fetched()
        engine = load_whisper(weights, name, threads)
        engine.warm_up()
        return engine

    serve(whisper_app(name, load, news), host=host, port=port or settings.whisper_port, idle_minutes=idle_minutes)


def whisper_app(model: str, load: Callable[[], Engine], news: News | None = None) -> Starlette:
    """The application; `load` is called in a thread once it starts."""
    names = tuple(dict.fromkeys(["whisper-1", model, *KNOWN_WEIGHTS]))
    about = About(
        service="voicemode-whisper",
        model=model,
        models=("whisper-1", model),
        news=news or News(),
        max_body_bytes=LARGEST_UPLOAD,
    )
    room = EngineRoom(load)
    return create_app(about, room, WhisperApi(room, Offer(model=model, names=names)).routes)


class WhisperApi:
    """The routes. All of them answer from one engine, one request at a time."""

    def __init__(self, room: EngineRoom[Engine], offer: Offer) -> None:
        self._room = room
        self._offer = offer
        self.routes = [
            Route("/v1/audio/transcriptions", self.transcriptions, methods=["POST"]),
            Route("/v1/audio/translations", self.translations, methods=["POST"]),
        ]

    async def transcriptions(self, request: Request) -> Response:
        return await self._answer(request, await read_ask(request, self._offer, translate=False))

    async def translations(self, request: Request) -> Response:
        return await self._answer(request, await read_ask(request, self._offer, translate=True))

    async def _answer(self, request: Request, ask: Ask) -> Response:
        if ask.stream:
            return await streamed(request, self._events(ask), media_type="text/event-stream")
        with ask.file:
            result = await unless_gone(request, self._transcribe(ask))
        return render(ask, result)

    async def _transcribe(self, ask: Ask) -> Result:
        def job(engine: Engine, cancelled: threading.Event) -> Result:
            meter = Meter(decode_file(ask.file, RATE))
            return Result(list(engine.transcribe(meter, ask.options, cancelled)), meter.seconds)

        return await self._room.run(job)

    async def _events(self, ask: Ask) -> AsyncGenerator[bytes, None]:
        """Server-sent events: the text in parts, then all of it."""

        def job(engine: Engine, cancelled: threading.Event) -> Iterator[Segment]:
            return engine.transcribe(decode_file(ask.file, RATE), ask.options, cancelled)

        heard: list[Segment] = []
        with ask.file:
            try:
                async with aclosing(self._room.stream(job)) as segments:
                    async for segment in segments:
                        heard.append(segment)
                        yield event({"type": "transcript.text.delta", "delta": segment.text})
            except VoiceModeError as error:
                if not heard:
                    raise
                yield event(as_api_error(error).body)
            else:
                yield event({"type": "transcript.text.done", "text": text_of(heard)})
