"""A service for tests, the parrot, and a supervisor that acts on commands only."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from tests.support.hand_supervisor import HandSupervisor
from voicemode.config import Settings
from voicemode.progress import Progress
from voicemode.services.install.environment import python_of
from voicemode.services.install.record import Record, save_record
from voicemode.services.service import Service
from voicemode.services.supervisors.unit import unit_for

SCRIPT = Path(__file__).with_name("engine_server.py")


def service(folder: Path, mood: str = "ready") -> Service:
    return Service(
        name="parrot",
        title="Parrot",
        kind="stt",
        health_name="voicemode-parrot",
        port_setting="whisper_port",
        settings=("base_dir", "offline", "whisper_threads", "hf_endpoint"),
        modules=("json",),
        weights=(),
        command=(str(SCRIPT), str(folder), "{port}", mood),
    )


def installable(folder: Path, mood: str = "ready") -> Service:
    """Return the parrot as a service that an installation can start."""
    parrot = service(folder, mood)
    return replace(parrot, installed_command=parrot.command)


@contextmanager
def nest(folder: Path) -> Iterator[Path]:
    """Yield the folder where parrots note that they were started; kill all of them at the end."""
    folder.mkdir()
    yield folder
    for pid in map(pid_of, folder.glob("started-*")):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
    for thread in threading.enumerate():
        if thread.name == "parrot-reaper":
            thread.join(5)


def started(folder: Path) -> dict[int, dict[str, Any]]:
    """Return the note of each parrot that was started, by process id."""
    return {pid_of(note): json.loads(note.read_text()) for note in folder.glob("started-*")}


def pid_of(note: Path) -> int:
    return int(note.name.partition("-")[2])


@asynccontextmanager
async def stranger(port: int, answer: bytes) -> AsyncIterator[None]:
    """Run a foreign server that always sends `answer`."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(reply, "127.0.0.1", port):
        yield


def silent(_progress: Progress) -> None:
    pass


class Hand(HandSupervisor):
    """A HandSupervisor that keeps its processes and signals when it has stopped one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.pause: asyncio.Event | None = None
        """Event that a restart awaits between stop and start."""
        self.stopped = asyncio.Event()

    async def restart(self, name: str) -> None:
        await self.stop(name)
        self.stopped.set()
        if self.pause:
            await self.pause.wait()
        await self.start(name)

    def _spawn(self, unit: dict[str, Any]) -> "subprocess.Popen[bytes]":
        self.processes.append(super()._spawn(unit))
        return self.processes[-1]


async def install(parrot: Service, settings: Settings, supervisor: HandSupervisor) -> Record:
    """Set up the state after an installation, but without an environment: Python is the one that runs the test."""
    environment = settings.services_dir / parrot.name / "environments/0123456789abcdef-00ff"
    python_of(environment).parent.mkdir(parents=True)
    python_of(environment).symlink_to(sys.executable)
    unit = unit_for(parrot, settings, python_of(environment), ())
    record = Record(version="1", environment=environment, supervisor=supervisor.name, unit=unit)
    await supervisor.register(unit)
    save_record(parrot, settings, record)
    return record
