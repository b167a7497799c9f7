"""The text-to-speech server: OpenAI's speech API over the Kokoro engine."""

import asyncio
import base64
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from functools import partial
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from voicemode.audio.codec import CONTENT_TYPES, open_encoder
from voicemode.audio.frames import Frame
from voicemode.config import Settings
from voicemode.engines.kokoro.cache import SoundCache, engine_identity, key_of
from voicemode.engines.kokoro.request import MODELS, SpeechRequest, read_ask
from voicemode.engines.kokoro.text import NothingToSayError
from voicemode.engines.kokoro.voices import NAMES, Mix
from voicemode.engines.server.about import About
from voicemode.engines.server.clients import Peer, peer_of
from voicemode.engines.server.counters import Counters
from voicemode.engines.server.http import create_app, event, streamed
from voicemode.engines.server.loaded_models import LoadedModels
from voicemode.engines.server.progress import EngineProgress
from voicemode.engines.server.queue import EngineHost
from voicemode.engines.server.server import serve
from voicemode.http_server.errors import ApiError
from voicemode.models.hardware import choose_threads, usable_cpus
from voicemode.models.models import ensure, sources_from

RATE = 24_000


class SpeechEngine(Protocol):
    """Interface the server needs from KokoroEngine."""

    def speak(self, text: str, voice: Mix, *, speed: float, cancelled: threading.Event) -> Iterator[Frame]: ...


def run(settings: Settings, *, port: int | None = None, host: str = "127.0.0.1", idle_minutes: float | None = None) -> None:
    """Serve until terminated, or idle for `idle_minutes` if given. Without a `port`, use the configured one.

    Raises ServiceError if the port is not available.
    """
    # Synthesis gains from the second hardware thread of a core: 0.71 s instead of 1.25 s for a short sentence.
    threads = choose_threads(settings.kokoro_threads, usable_cpus())

    cache = SoundCache(settings.cache_dir / "kokoro", 1_000_000 * settings.kokoro_cache_mb)
    news = EngineProgress()

    def load(_name: str) -> SpeechEngine:
        from voicemode.engines.kokoro.engine import KokoroEngine

        cache.shrink()
        folder, sources = settings.models_path, sources_from(settings)
        model, voices = (ensure(name, folder, sources, news) for name in ("kokoro", "kokoro-voices"))
        news.fetched()
        engine = KokoroEngine(model, voices, threads=threads)
        engine.warm_up()
        return engine

    app = kokoro_app(LoadedModels(load, MODELS[0]), cache, news)
    serve(app, host=host, port=port or settings.kokoro_port, idle_minutes=idle_minutes)


def kokoro_app(shelf: LoadedModels[SpeechEngine], cache: SoundCache, news: EngineProgress | None = None) -> Starlette:
    """Return the application."""
    room, tally = EngineHost(shelf), Counters()
    about = About(service="voicemode-kokoro", model=shelf.default, models=lambda: MODELS, news=news or EngineProgress())
    return create_app(about, room, tally, KokoroApi(room, cache, tally).routes)


class KokoroApi:
    """The routes. Cached speech is returned at once; the rest comes from one engine, one request at a time."""

    def __init__(self, room: EngineHost[SpeechEngine], cache: SoundCache, tally: Counters) -> None:
        self._room = room
        self._cache = cache
        self._tally = tally
        self._engine = engine_identity()
        self.routes = [
            Route("/v1/audio/speech", self.speech, methods=["POST"]),
            Route("/v1/audio/voices", self.voices),
        ]

    async def voices(self, _request: Request) -> Response:
        return JSONResponse({"voices": list(NAMES)})

    async def speech(self, request: Request) -> Response:
        """Stream the audio during synthesis. A later failure breaks the connection: the client sees that audio is missing."""
        ask = await read_ask(request)
        key, kept = await asyncio.to_thread(self._look_up, ask)
        sound = self._made(ask, key, peer_of(request)) if kept is None else whole(kept)
        if ask.events:
            return await streamed(request, events(sound), media_type="text/event-stream")
        return await streamed(request, sound, media_type=CONTENT_TYPES[ask.format])

    def _look_up(self, ask: SpeechRequest) -> tuple[str, bytes | None]:
        """Return the cache key of the audio, and the audio if it is cached. Blocks."""
        key = key_of(ask, self._engine)
        sound = self._cache.get(key)
        self._tally.lookups.add(result="miss" if sound is None else "hit")
        return key, sound

    async def _made(self, ask: SpeechRequest, key: str, peer: Peer) -> AsyncGenerator[bytes, None]:
        """Yield the audio during synthesis; cache it once it is complete, and not if it ends early."""
        draft = bytearray()
        job = partial(encoded, ask, self._tally)
        async with aclosing(self._room.stream(job, peer=peer)) as sound:
            async for chunk in sound:
                if len(draft) <= self._cache.largest_bytes:
                    draft += chunk
                yield chunk
        await asyncio.to_thread(self._cache.put, key, bytes(draft))


async def whole(sound: bytes) -> AsyncGenerator[bytes, None]:
    """Yield `sound` in one piece."""
    yield sound


def encoded(ask: SpeechRequest, tally: Counters, engine: SpeechEngine, cancelled: threading.Event) -> Iterator[bytes]:
    """Yield speech as bytes in the requested format. Called in the engine's thread. Raises ApiError."""
    encoder = open_encoder(ask.format, RATE)
    try:
        with tally.work() as work:
            for frame in engine.speak(ask.text, ask.voice, speed=ask.speed, cancelled=cancelled):
                work.audio_seconds += frame.seconds
                if chunk := encoder.encode(frame):
                    yield chunk
    except NothingToSayError as error:
        raise ApiError(400, str(error), param="input", code="nothing_to_say") from error
    if rest := encoder.finish():
        yield rest


async def events(sound: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield `sound` as OpenAI's server-sent events."""
    async with aclosing(sound):
        async for chunk in sound:
            yield event({"type": "speech.audio.delta", "audio": base64.b64encode(chunk).decode()})
    yield event({"type": "speech.audio.done"})
