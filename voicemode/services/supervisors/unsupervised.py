"""Machines without systemd and launchd: services start on demand, and are not restarted."""

from pathlib import Path
from typing import NoReturn

from voicemode.errors import ServiceError
from voicemode.services.supervisors.supervisor import Supervised, SupervisorName, Unit


class Unsupervised:
    """A Supervisor without any service."""

    name: SupervisorName = "none"

    def files(self, _unit: Unit) -> dict[Path, str]:
        return {}

    async def look(self, _name: str) -> Supervised | None:
        return None

    async def unregister(self, _name: str) -> None: ...

    async def register(self, _unit: Unit) -> None:
        _refuse()

    async def start(self, _name: str) -> None:
        _refuse()

    async def stop(self, _name: str) -> None:
        _refuse()

    async def restart(self, _name: str) -> None:
        _refuse()

    async def enable(self, _name: str) -> str:
        _refuse()

    async def disable(self, _name: str) -> None:
        _refuse()


def _refuse() -> NoReturn:
    raise ServiceError("Neither systemd nor launchd keeps services running here; they start when they are needed.")
