import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from voicemode.app import App
from voicemode.errors import ArgumentError, Remedy, ServiceError
from voicemode.services import find, services
from voicemode.services.install.record import load_record
from voicemode.services.service import Service
from voicemode.services.status import ServiceStatus
from voicemode.services.status_text import Paint, glance, plain
from voicemode.tools import tool

if TYPE_CHECKING:
    from voicemode.services.manager import Manager, Verb

Action = Literal["status", "start", "stop", "restart", "enable", "disable", "logs", "uninstall"]
LINES = 30
VERBS: "dict[str, Callable[[Manager], Verb]]" = {
    "start": lambda manager: manager.start,
    "stop": lambda manager: manager.stop,
    "restart": lambda manager: manager.restart,
    "enable": lambda manager: manager.enable,
    "disable": lambda manager: manager.disable,
}


@dataclass(frozen=True, slots=True)
class Services:
    """Actions taken, and the status of the services now."""

    services: list[ServiceStatus]
    did: list[str] = field(default_factory=list)
    """A sentence for each action taken."""
    log: list[str] = field(default_factory=list)
    """Lines of a log, if requested."""

    @property
    def failed(self) -> bool:
        """True if one of the services needs attention."""
        return not all(status.well for status in self.services)

    def __str__(self) -> str:
        return self.render()

    def render(self, width: int = 80, paint: Paint = plain) -> str:
        """Render as text, `width` columns wide."""
        parts = ["\n".join(self.did), glance(self.services, width=width, paint=paint), "\n".join(self.log)]
        return "\n\n".join(part for part in parts if part)


@tool
async def service(app: App, action: Action = "status", name: str = "", lines: int = LINES, models: bool = False) -> Services:
    """Manage the local speech services: status, start, stop, start at login, logs, removal.

    Args:
        action: What to do. `enable` starts the service at login, `uninstall` removes it.
        name: whisper or kokoro; empty means all installed services.
        lines: Number of lines of the log.
        models: Also remove the weights.
    """
    manager = open_manager(app)
    if action == "status":
        return await look(manager, [find(name)] if name else list(services().values()))
    chosen = await asyncio.to_thread(targets, app, action, name)
    if action == "logs":
        return Services([], log=[line for one in chosen for line in await manager.log(one, lines)])
    if action == "uninstall":
        did = [line for one in chosen for line in await manager.uninstall(one, app.report, models=models)]
    else:
        verb = VERBS[action](manager)
        did = [await verb(one, app.report) for one in chosen]
    return Services((await look(manager, chosen)).services, did)


def open_manager(app: App) -> "Manager":
    """Return a manager for the services with the current settings."""
    from voicemode.services.manager import Manager
    from voicemode.services.supervisors.find import find_supervisor

    return Manager(app.settings, find_supervisor(app.settings))


async def look(manager: "Manager", chosen: list[Service]) -> Services:
    """Return the status of the services."""
    return Services(list(await asyncio.gather(*(manager.status(one) for one in chosen))))


def targets(app: App, action: Action, name: str) -> list[Service]:
    """Return the services to act on. Raises ServiceError if none is installed, ArgumentError if `uninstall` lacks a name."""
    if name:
        return [find(name)]
    if action == "uninstall":
        raise ArgumentError("Which service should I uninstall?", hint=f"There are: {', '.join(services())}.")
    installed = [one for one in services().values() if load_record(one, app.settings)]
    if not installed and action != "logs":
        raise ServiceError("No service is installed.", hint=Remedy(command="voicemode service install whisper"))
    return installed or list(services().values())
