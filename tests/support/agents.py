"""Support for agents whose VoiceMode starts its own engines in a test: weights, free ports and cleanup."""

import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support.mcp_client import environment
from tests.support.paths import REPOSITORY

SOUNDLESS = Path(__file__).parent / "soundless"
"""Folder that replaces the sound card of a program when on its PYTHONPATH."""
WEIGHTS = ("whisper-base", "kokoro", "kokoro-voices")


@dataclass(frozen=True, slots=True)
class Engines:
    """Separate engine servers, on other ports than the person's, the same for all tests of a run."""

    base_dir: Path
    models_dir: Path
    whisper_port: int
    kokoro_port: int

    @property
    def environ(self) -> Mapping[str, str]:
        return {
            "VOICEMODE_BASE_DIR": str(self.base_dir),
            "VOICEMODE_MODELS_DIR": str(self.models_dir),
            "VOICEMODE_WHISPER_PORT": str(self.whisper_port),
            "VOICEMODE_KOKORO_PORT": str(self.kokoro_port),
            "VOICEMODE_IDLE_MINUTES": "5",
            "VOICEMODE_TURN_MODEL": "auto",
        }

    def processes(self) -> list[psutil.Process]:
        """Return the servers that run now."""
        ports = {str(self.whisper_port), str(self.kokoro_port)}
        return [process for process in psutil.process_iter(["cmdline"]) if ports & set(process.info["cmdline"] or [])]

    def close(self) -> None:
        """Stop the servers with SIGTERM, as a person would."""
        processes = self.processes()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGTERM)
        psutil.wait_procs(processes, timeout=15)


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory, weights: Callable[[str], Path]) -> Iterator[Engines]:
    """Engine servers, started by the first agent and stopped at the end of the run."""
    whisper_port, kokoro_port = free_ports(2)
    (models_dir,) = {weights(name).parent for name in WEIGHTS}
    running = Engines(tmp_path_factory.mktemp("base"), models_dir, whisper_port, kokoro_port)
    yield running
    running.close()


def speaking_agent(voice_url: str, **extra: str) -> dict[str, str]:
    """Return the environment of an agent that speaks through `voice_url`, without engines of its own or a sound card."""
    whisper_port, kokoro_port = free_ports(2)
    return environment(
        VOICEMODE_TRANSPORT="local",
        VOICEMODE_AUTO_START="false",
        VOICEMODE_TTS_BASE_URLS=voice_url,
        VOICEMODE_WHISPER_PORT=str(whisper_port),
        VOICEMODE_KOKORO_PORT=str(kokoro_port),
        VOICEMODE_DISCOVER_PORTS="",
        **{"PYTHONPATH": os.pathsep.join(map(str, (SOUNDLESS, REPOSITORY))), **extra},
    )


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in sockets]
