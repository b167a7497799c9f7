"""A supervisor that acts on commands only: real processes, and its state in a folder that outlives this process."""

import json
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from voicemode.services.supervisors.supervisor import Supervised, SupervisorName, Unit

END_SECONDS = 15.0


class HandSupervisor:
    """Implements Supervisor."""

    name: SupervisorName = "systemd"

    def __init__(self, folder: Path, refused: frozenset[Path] = frozenset()) -> None:
        self.folder = folder
        self.refused = refused
        """Programs that fail to start, to simulate a late failure."""
        self.told: list[str] = []

    def files(self, unit: Unit) -> dict[Path, str]:
        return {self.folder / f"{unit.name}.json": json.dumps(asdict(unit), default=str)}

    async def register(self, unit: Unit) -> None:
        self.told.append("register")
        for folder in (self.folder, unit.log.parent, *unit.writable):
            folder.mkdir(parents=True, exist_ok=True)
        for path, text in self.files(unit).items():
            path.write_text(text)

    async def unregister(self, name: str) -> None:
        await self.stop(name)
        self.told.append("unregister")
        for path in self.folder.glob(f"{name}.*"):
            path.unlink()

    async def start(self, name: str) -> None:
        self.told.append("start")
        process = self._spawn(self._unit(name))
        (self.folder / f"{name}.pid").write_text(str(process.pid))

    async def stop(self, name: str) -> None:
        if process := self._process(name):
            process.send_signal(signal.SIGTERM)
            process.wait(END_SECONDS)

    async def restart(self, name: str) -> None:
        await self.stop(name)
        await self.start(name)

    async def enable(self, name: str) -> str:
        (self.folder / f"{name}.enabled").touch()
        return "It starts when somebody starts it."

    async def disable(self, name: str) -> None:
        (self.folder / f"{name}.enabled").unlink(missing_ok=True)

    async def look(self, name: str) -> Supervised | None:
        if not (self.folder / f"{name}.json").exists():
            return None
        enabled, process = (self.folder / f"{name}.enabled").exists(), self._process(name)
        if process:
            return Supervised(state="running", enabled=enabled, pid=process.pid)
        return Supervised(state="stopped", enabled=enabled, reason="exit code 1")

    def _spawn(self, unit: dict[str, Any]) -> "subprocess.Popen[bytes]":
        program = unit["command"] if Path(unit["command"][0]) not in self.refused else ["false"]
        with Path(unit["log"]).open("ab") as log:
            return subprocess.Popen(program, env=unit["environment"], stdout=log, stderr=log, start_new_session=True)

    def _unit(self, name: str) -> dict[str, Any]:
        return dict(json.loads((self.folder / f"{name}.json").read_text()))

    def _process(self, name: str) -> psutil.Process | None:
        with suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int((self.folder / f"{name}.pid").read_text()))
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
            return process if process.is_running() and process.status() != psutil.STATUS_ZOMBIE else None
        return None
