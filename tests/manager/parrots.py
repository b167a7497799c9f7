"""A service of the tests' own, the parrot, and a supervisor that does what it is told."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.hand_supervisor import HandSupervisor
from voicemode.config import Settings
from voicemode.services._base import Service
from voicemode.services._environment import python_of
from voicemode.services._record import Record, save_record
from voicemode.services._unit import unit_for


async def silent(_stage: str) -> None:
    pass


class Hand(HandSupervisor):
    """Takes note of the end of what it started."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.pause: asyncio.Event | None = None
        """How long a restart takes between its two halves."""
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
    """As an installation leaves it, less the environment: Python is the one that runs the test."""
    environment = settings.services_dir / parrot.name / "environments/0123456789abcdef-00ff"
    python_of(environment).parent.mkdir(parents=True)
    python_of(environment).symlink_to(sys.executable)
    unit = unit_for(parrot, settings, python_of(environment), ())
    record = Record(version="1", environment=environment, supervisor=supervisor.name, unit=unit)
    await supervisor.register(unit)
    save_record(parrot, settings, record)
    return record
