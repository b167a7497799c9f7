"""Equipment to measure figures. Each part is started when a figure first needs it, and ended with the lab."""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.support.agents import free_ports
from tests.support.mcp_client import environment
from tests.support.paths import REPOSITORY
from tests.support.rig import VirtualSound, missing
from voicemode.audio.frames import Frame
from voicemode.audio.wav import read_wav
from voicemode.config import Settings, load_settings
from voicemode.services.process import ensure_running
from voicemode.services.service import Service
from voicemode.services.waiting import wait_ready

MODELS = REPOSITORY / ".pytest_cache/d/models"
"""Folder of weights, shared with the tests."""
UTTERANCE = REPOSITORY / "tests/recordings/austen-0880.wav"
"""A sentence by a person, 3.0 s long."""
LOAD_SECONDS = 300.0
"""Time limit for loading an engine, including a download of its weights."""
END_SECONDS = 60.0


class Lab:
    """A separate home with separate ports, free of the settings of the person who measures."""

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self.few_runs = max(1, runs // 2)
        """Runs of slow measurements."""
        self._stack = ExitStack()
        self._engines: set[tuple[str, int]] = set()
        self.whisper_port, self.kokoro_port, self.spare_port = free_ports(3)

    def __enter__(self) -> Self:
        self.home = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="voicemode-bench-")))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def environ(self, **extra: str) -> dict[str, str]:
        """Return the environment of a VoiceMode with this home and these engines."""
        return environment(
            VOICEMODE_TURN_MODEL="auto",
            HOME=str(self.home),
            VOICEMODE_MODELS_DIR=str(MODELS),
            VOICEMODE_WHISPER_PORT=str(self.whisper_port),
            VOICEMODE_KOKORO_PORT=str(self.kokoro_port),
            VOICEMODE_WHISPER_MODEL="base",
            **extra,
        )

    @cached_property
    def settings(self) -> Settings:
        """Settings that correspond to `environ`."""
        return load_settings(self.environ(VOICEMODE_BASE_DIR=str(self.home)), self.home).settings

    @cached_property
    def sound(self) -> VirtualSound:
        """A virtual sound card. Raises SystemExit, which says what to install."""
        if reason := missing():
            raise SystemExit(f"A virtual sound card cannot be made: {reason}")
        return self._stack.enter_context(VirtualSound())

    def talking_to(self, url: str, **extra: str) -> dict[str, str]:
        """Return the environment of a VoiceMode with the virtual sound card and speech services at `url`."""
        speech = {"VOICEMODE_TTS_BASE_URLS": url, "VOICEMODE_STT_BASE_URLS": url, "VOICEMODE_AUTO_START": "false"}
        return self.environ(**self.sound.environ, **speech, **extra)

    def speech_service(self, seconds: float) -> str:
        """Start a service with known delays that speaks `seconds` of audio for any text; return its URL."""
        return self._stack.enter_context(speech_service(seconds)).url

    def start(self, service: Service, settings: Settings | None = None) -> str:
        """Start `service` with its engine loaded; return its URL."""
        settings = settings or self.settings
        key = service.name, service.port(settings)
        if key not in self._engines:
            self._stack.callback(end, asyncio.run(loaded(service, settings)))
            self._engines.add(key)
        return service.url(settings)


async def loaded(service: Service, settings: Settings) -> int:
    """Start a server and wait for its engine; return its process id."""
    await ensure_running(service, settings)
    return (await wait_ready(service, settings, LOAD_SECONDS)).pid


def end(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        server = psutil.Process(pid)
        server.terminate()
        server.wait(END_SECONDS)


class SpeechService:
    """`programs/speech_service` in a separate process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin
        assert process.stdout
        self._stdin, self._stdout = process.stdin, process.stdout
        self.url = self._stdout.readline().strip()

    def tell(self, listener: Path) -> None:
        """From now on, transcribe as the file `listener` says; see `turn_taking.listener`."""
        print(listener, file=self._stdin, flush=True)
        self._stdout.readline()

    def close(self) -> None:
        self._stdin.close()


@contextmanager
def speech_service(seconds: float) -> Iterator[SpeechService]:
    """Yield a speech service that speaks `seconds` of audio."""
    command = [sys.executable, "-m", "bench.programs.speech_service", str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        service = SpeechService(process)
        yield service
        service.close()


def utterance() -> Frame:
    return read_wav(UTTERANCE)
