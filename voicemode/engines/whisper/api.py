"""The speech-to-text server: OpenAI's transcription API over the Whisper engine."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from voicemode.audio.codec import decode_file, length_of
from voicemode.audio.frames import Frame
from voicemode.config import Settings
from voicemode.engines.server.about import About
from voicemode.engines.server.clients import Peer, peer_of
from voicemode.engines.server.counters import Counters
from voicemode.engines.server.http import create_app, event, streamed, unless_gone
from voicemode.engines.server.loaded_models import LoadedModels
from voicemode.engines.server.progress import EngineProgress
from voicemode.engines.server.queue import EngineHost, JobSignals
from voicemode.engines.server.server import serve
from voicemode.engines.whisper.answer import Meter, Result, render, text_of, times
from voicemode.engines.whisper.models import ANY, installed, not_installed
from voicemode.engines.whisper.request import TranscriptionRequest, read_ask
from voicemode.engines.whisper.transcript import Options, Segment
from voicemode.errors import VoiceModeError
from voicemode.http_server.errors import as_api_error
from voicemode.models.choice import uses_card, whisper_choice
from voicemode.models.hardware import choose_threads, look
from voicemode.models.manifests import WHISPER
from voicemode.models.models import ensure, sources_from, status

RATE = 16_000
LARGEST_UPLOAD = 1024**3
"""Most bytes in an upload; an hour of CD audio is 635 million."""


class TranscriptionEngine(Protocol):
    """Interface the server needs from WhisperEngine."""

    def transcribe(
        self, frames: Iterable[Frame], options: Options, cancelled: threading.Event, give_way: Callable[[], None]
    ) -> Iterator[Segment]: ...


def run(settings: Settings, *, port: int | None = None, host: str = "127.0.0.1", idle_minutes: float | None = None) -> None:
    """Serve until terminated, or idle for `idle_minutes` if given. Without a `port`, use the configured one.

    Raises ServiceError if the port is not available.
    """
    hardware = look()
    default, folder, news = whisper_choice(settings, hardware).model, settings.models_path, EngineProgress()
    # One core stays free: threads that wait for each other on a busy machine are many times slower than one thread.
    threads = choose_threads(settings.whisper_threads, hardware.cores - 1)

    def load(name: str) -> TranscriptionEngine:
        from voicemode.engines.whisper.engine import load_whisper

        if name != default and not status(name, folder).present:
            raise not_installed(name)
        weights = ensure(WHISPER + name, folder, sources_from(settings), news)
        news.fetched()
        engine = load_whisper(weights, name, threads, card=uses_card(hardware))
        engine.warm_up()
        return engine

    shelf = LoadedModels(load, default, idle_seconds=60 * settings.model_idle_minutes)
    app = whisper_app(shelf, lambda: installed(folder), news)
    serve(app, host=host, port=port or settings.whisper_port, idle_minutes=idle_minutes)


def whisper_app(
    shelf: LoadedModels[TranscriptionEngine], others: Callable[[], Sequence[str]] = tuple, news: EngineProgress | None = None
) -> Starlette:
    """Return the application. `others` returns the names of the installed models; it is called in a thread."""
    room, tally = EngineHost(shelf), Counters()
    about = About(
        service="voicemode-whisper",
        model=shelf.default,
        models=lambda: tuple(dict.fromkeys([ANY, shelf.default, *others()])),
        news=news or EngineProgress(),
        max_body_bytes=LARGEST_UPLOAD,
    )
    return create_app(about, room, tally, WhisperApi(room, shelf.default, tally).routes)


class WhisperApi:
    """The routes. One request is processed at a time; a long file gives way to other requests."""

    def __init__(self, room: EngineHost[TranscriptionEngine], default: str, tally: Counters) -> None:
        """`default` is the model for requests that name none, or one of OpenAI's."""
        self._room = room
        self._default = default
        self._tally = tally
        self.routes = [
            Route("/v1/audio/transcriptions", self.transcriptions, methods=["POST"]),
            Route("/v1/audio/translations", self.translations, methods=["POST"]),
        ]

    async def transcriptions(self, request: Request) -> Response:
        return await self._answer(request, await read_ask(request, self._default, translate=False))

    async def translations(self, request: Request) -> Response:
        return await self._answer(request, await read_ask(request, self._default, translate=True))

    async def _answer(self, request: Request, ask: TranscriptionRequest) -> Response:
        if ask.stream:
            return await streamed(request, self._events(ask, peer_of(request)), media_type="text/event-stream")
        with ask.file:
            result = await unless_gone(request, self._transcribe(ask, peer_of(request)))
        return render(ask, result)

    def _heard(
        self, ask: TranscriptionRequest, meter: Meter, engine: TranscriptionEngine, signals: JobSignals
    ) -> Iterator[Segment]:
        """Yield the transcript's segments. Called in the engine's thread."""
        with self._tally.work() as work:
            yield from engine.transcribe(meter, ask.options, signals, signals.give_way)
            work.audio_seconds = meter.seconds

    async def _transcribe(self, ask: TranscriptionRequest, peer: Peer) -> Result:
        def job(engine: TranscriptionEngine, signals: JobSignals) -> Result:
            meter = Meter(decode_file(ask.file, RATE))
            return Result(list(self._heard(ask, meter, engine, signals)), meter.seconds)

        return await self._room.run(job, model=ask.model, peer=peer)

    async def _events(self, ask: TranscriptionRequest, peer: Peer) -> AsyncGenerator[bytes, None]:
        """Yield server-sent events: the text in parts, then the whole text."""
        meter = Meter(())

        def job(engine: TranscriptionEngine, signals: JobSignals) -> Iterator[Segment]:
            ask.file.seek(0)
            meter.frames = decode_file(ask.file, RATE)
            return self._heard(ask, meter, engine, signals)

        heard: list[Segment] = []
        with ask.file:
            total = await asyncio.to_thread(length_of, ask.file) if ask.progress else 0.0
            try:
                async with aclosing(self._room.stream(job, model=ask.model, peer=peer)) as segments:
                    async for segment in segments:
                        heard.append(segment)
                        if segment.text:
                            how_far = {**times(segment), "duration": round(total, 2)} if ask.progress else {}
                            yield event({"type": "transcript.text.delta", "delta": segment.text, **how_far})
            except VoiceModeError as error:
                if not heard:
                    raise
                yield event(as_api_error(error).body)
            else:
                text = bytes(render(ask, Result(heard, meter.seconds)).body).decode() if ask.progress else text_of(heard)
                yield event({"type": "transcript.text.done", "text": text})
