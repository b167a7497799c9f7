"""Services as user units of systemd."""

import asyncio
import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from string import Template
from typing import Literal

from voicemode.errors import ServiceError
from voicemode.services.supervisors.control import Control
from voicemode.services.supervisors.supervisor import Supervised, SupervisorName, Unit
from voicemode.services.supervisors.unit_files import checked, forget, place, prepare
from voicemode.templates import template

log = logging.getLogger(__name__)

TEMPLATE = "systemd/service.unit"
MARKED = re.compile(r"^# (?P<needs>[a-z]+(?:-[a-z]+)?(?:-\d+)?): (?P<line>\w+=.*)$", re.MULTILINE)
ALL = frozenset({"systemd-254", "namespaces", "private-tmp"})
"""Every ability of a system that a line of the template can require."""
SHARED_TMP = ("/tmp/", "/var/tmp/")  # noqa: S108 compared with, not written to
PROPERTIES = "ActiveState,SubState,Result,ExecMainCode,ExecMainStatus,MainPID,NRestarts,UnitFileState"
EXITED = "1"
"""CLD_EXITED: ExecMainStatus is an exit code; otherwise it is a signal."""
UNCONFINED = "systemd cannot confine it here (no namespaces for users): it can write wherever you can."


class Systemd:
    """The user's own systemd, which needs no root."""

    name: SupervisorName = "systemd"

    def __init__(self, folder: Path, state_dir: Path, environ: Mapping[str, str]) -> None:
        """
        Args:
            folder: Folder of the user's units.
            state_dir: Folder in which we note that we turned linger on.
            environ: Environment of systemctl; XDG_RUNTIME_DIR selects the user's systemd.
        """
        self._folder = folder
        self._lingering = state_dir / "linger"
        self._systemctl = Control(("systemctl", "--user"), environ, "See: systemctl --user status")
        self._run = Control(("systemd-run", "--user"), environ, "")
        self._loginctl = Control(("loginctl", "--no-ask-password"), environ, "")

    def files(self, unit: Unit) -> dict[Path, str]:
        """Return the unit file with every directive enabled; `register` leaves those this system cannot apply as comments."""
        text = render(unit, ALL)
        return {self._path(unit.name): text, self._folder / "default.target.wants" / unit_name(unit.name): text}

    async def register(self, unit: Unit) -> None:
        text = render(unit, await self._abilities())
        try:
            await asyncio.to_thread(prepare, unit)
            await asyncio.to_thread(place, self._path(unit.name), text)
        except OSError as error:
            raise ServiceError(f"{unit.title} cannot be registered: {error}.", hint="Mend that, then try again.") from error
        await self._systemctl.ask("daemon-reload")

    async def unregister(self, name: str) -> None:
        if self._path(name).exists():
            await self.stop(name)
            await self.disable(name)
            await asyncio.to_thread(forget, self._path(name), Path.home())
            await self._systemctl.ask("daemon-reload")
        if self._lingering.exists() and not list(self._folder.glob("voicemode-*.service")):
            await self._loginctl.refuses("disable-linger")
            await asyncio.to_thread(forget, self._lingering, Path.home())

    async def start(self, name: str) -> None:
        await self._forgive(name)
        await self._systemctl.ask("start", unit_name(name))

    async def stop(self, name: str) -> None:
        await self._systemctl.ask("stop", unit_name(name))
        await self._forgive(name)

    async def restart(self, name: str) -> None:
        await self._forgive(name)
        await self._systemctl.ask("restart", unit_name(name))

    async def enable(self, name: str) -> str:
        await self._systemctl.ask("enable", unit_name(name))
        await self._systemctl.ask("daemon-reload")  # in a container systemctl does not reload by itself
        unit = await asyncio.to_thread(self._path(name).read_text, encoding="utf-8")
        confined = "\nPrivateUsers=yes\n" in unit
        return " ".join(filter(None, (await self._linger(), "" if confined else UNCONFINED)))

    async def disable(self, name: str) -> None:
        if self._path(name).exists():
            await self._systemctl.ask("disable", unit_name(name))
            await self._systemctl.ask("daemon-reload")

    async def look(self, name: str) -> Supervised | None:
        if not self._path(name).exists():
            return None
        lines = await self._systemctl.ask("show", unit_name(name), f"--property={PROPERTIES}")
        return understand(dict(line.split("=", 1) for line in lines if "=" in line))

    def _path(self, name: str) -> Path:
        return self._folder / unit_name(name)

    async def _forgive(self, name: str) -> None:
        """Reset past failures, so that they do not count against the next start; having had none is no error."""
        await self._systemctl.refuses("reset-failed", unit_name(name))

    async def _abilities(self) -> frozenset[str]:
        """Find out this system's abilities by a trial run."""
        said = "\n".join(await self._systemctl.ask("--version"))
        version = re.search(r"\d+", said)
        able = {"systemd-254"} if version and int(version[0]) >= 254 else set[str]()
        trial = [f"--property={line}" for line in confinement()]
        if reason := await self._run.refuses("--wait", "--collect", "--quiet", *trial, "true"):
            log.warning("%s %s", UNCONFINED, reason)
            return frozenset(able)
        return frozenset(able | {"namespaces", "private-tmp"})

    async def _linger(self) -> str:
        """Let services run without a login; return a notice if the system forbids that."""
        uid = str(os.getuid())
        with suppress(ServiceError):
            if "Linger=yes" in await self._loginctl.ask("show-user", uid, "--property=Linger"):
                return ""
        if await self._loginctl.refuses("enable-linger"):
            return f"It ends when you log out, and starts when you log in. To have it always: sudo loginctl enable-linger {uid}"
        await asyncio.to_thread(place, self._lingering, "Turned on for VoiceMode's services.\n")
        return ""


def unit_name(name: str) -> str:
    """Return systemd's name of the service."""
    return f"voicemode-{name}.service"


def render(unit: Unit, able: frozenset[str]) -> str:
    """Return the unit file for a system with the abilities `able`, a subset of ALL. Raises ServiceError."""
    checked(unit)
    if any(text.startswith(SHARED_TMP) for text in (*unit.command, *map(str, (unit.log, *unit.writable)))):
        able -= {"private-tmp"}  # PrivateTmp would hide a file it needs
    text = MARKED.sub(lambda match: match["line"] if match["needs"] in able else match[0], template(TEMPLATE))
    return Template(text).substitute(
        id=f"voicemode-{unit.name}",
        title=specifiers(unit.title),
        command=" ".join(map(quoted, unit.command)),
        environment=" ".join(quoted(f"{name}={value}") for name, value in unit.environment.items()),
        log=specifiers(str(unit.log)),
        writable=" ".join(quoted(f"-{path}") for path in unit.writable),
        memory_mb=unit.memory_mb,
    )


def confinement() -> list[str]:
    """Return the directives that need namespaces and are the same for every service."""
    needing = ("namespaces", "private-tmp")
    return [m["line"] for m in MARKED.finditer(template(TEMPLATE)) if m["needs"] in needing and "$" not in m["line"]]


def quoted(text: str) -> str:
    """Return `text` as one quoted word of a directive."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{specifiers(escaped)}"'


def specifiers(text: str) -> str:
    """Return `text` with every `%` escaped."""
    return text.replace("%", "%%")


def understand(shown: Mapping[str, str]) -> Supervised:
    """Return the state for the properties of `systemctl show`."""
    return Supervised(
        state=_state(shown["ActiveState"], shown["SubState"]),
        enabled=shown["UnitFileState"] == "enabled",
        pid=int(shown["MainPID"]),
        restarts=int(shown["NRestarts"]),
        reason=_reason(shown),
    )


def _state(active: str, sub: str) -> Literal["running", "starting", "stopped", "failed"]:
    match active, sub:
        case (("active" | "reloading" | "deactivating"), _):
            return "running"
        case "activating", _:
            return "starting"
        case "failed", _:
            return "failed"
        case _:
            return "stopped"


def _reason(shown: Mapping[str, str]) -> str:
    if shown["Result"] == "oom-kill":
        return "out of memory"
    if shown["Result"] == "success" or shown["ExecMainStatus"] == "0":
        return "" if shown["Result"] in ("success", "exit-code") else shown["Result"]
    return f"{'exit code' if shown['ExecMainCode'] == EXITED else 'signal'} {shown['ExecMainStatus']}"
