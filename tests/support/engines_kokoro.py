"""Fixtures: the real Kokoro engine, a transcriber for its speech, and a real HTTP server around any engine."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from voicemode.audio.frames import Frame
from voicemode.audio.resample import Resampler
from voicemode.errors import WeightsError

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from voicemode.engines.kokoro.engine import KokoroEngine

Serve = Callable[["Starlette"], str]
"""Serves an application on a free port of this machine until the test ends; returns the URL of its API."""
Hear = Callable[[Frame], str]
"""Transcribes speech."""

WHISPER_RATE = 16_000


@pytest.fixture
def serve() -> Iterator[Serve]:
    with contextlib.ExitStack() as servers:
        yield lambda app: servers.enter_context(served(app))


@contextlib.contextmanager
def served(app: "Starlette") -> Iterator[str]:
    from voicemode.http_server.listening import listen
    from voicemode.http_server.server import HttpServer, configured

    with contextlib.closing(listen("127.0.0.1", 0)) as listener:
        server = HttpServer(configured(app), signals=False)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.fixture(scope="session")
def weights(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """A function that returns the folder of a model, kept from run to run, or skips the test if it is unavailable."""
    from voicemode.models.models import ensure

    folder = request.config.cache.mkdir("models")

    def find(name: str) -> Path:
        try:
            return ensure(name, folder)
        except WeightsError as error:
            pytest.skip(str(error))

    return find


@pytest.fixture(scope="session")
def kokoro_engine(weights: Callable[[str], Path]) -> "KokoroEngine":
    from voicemode.engines.kokoro.engine import KokoroEngine

    engine = KokoroEngine(weights("kokoro"), weights("kokoro-voices"), threads=2)
    engine.warm_up()
    return engine


@pytest.fixture(scope="session")
def hear(weights: Callable[[str], Path]) -> Hear:
    from voicemode.engines.whisper.engine import load_whisper
    from voicemode.engines.whisper.transcript import Options

    whisper = load_whisper(weights("whisper-base"), "base", 2)

    def heard(spoken: Frame) -> str:
        resampler = Resampler(WHISPER_RATE)
        frames = [resampler.convert(spoken), resampler.finish()]
        return " ".join(segment.text.strip() for segment in whisper.transcribe(frames, Options(language="en")))

    return heard
