"""Services as agents of launchd.

launchd loads every file in ~/Library/LaunchAgents when the person logs in. So a registered service has its file in our own
folder, and an enabled one has a copy in LaunchAgents.
"""

import asyncio
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Literal
from xml.sax.saxutils import escape

from voicemode.errors import ServiceError
from voicemode.services.supervisors.control import Control, RefusedError
from voicemode.services.supervisors.supervisor import Supervised, SupervisorName, Unit
from voicemode.services.supervisors.unit_files import checked, forget, not_registered, place, prepare
from voicemode.templates import template

TEMPLATE = "launchd/service.plist"
FACT = re.compile(r"^(state|pid|runs|last exit code|last terminating signal) = (.+)$")
CRASHES = 5
"""Restarts after which we report a failing service as failed: launchd itself never gives up."""
END_SECONDS = 15.0
"""Timeout for the end of a service: ExitTimeOut of the template with a margin."""
POLL_SECONDS = 0.05
LOGGED_OUT = "It runs while you are logged in: macOS ends it with your session, and starts it with the next."


class Launchd:
    """The agents of this user's session."""

    name: SupervisorName = "launchd"

    def __init__(self, services_dir: Path, agents: Path, environ: Mapping[str, str]) -> None:
        """
        Args:
            services_dir: Folder of the services; the file of a registered agent is in the folder of its service.
            agents: Folder from which launchd loads agents at login.
            environ: Environment of launchctl.
        """
        self._services_dir = services_dir
        self._agents = agents
        self._domain = f"gui/{os.getuid()}"
        self._launchctl = Control(("launchctl",), environ, f"See: launchctl print {self._domain}")

    def files(self, unit: Unit) -> dict[Path, str]:
        return dict.fromkeys((self._path(unit.name), self._agent(unit.name)), render(unit))

    async def register(self, unit: Unit) -> None:
        text = render(unit)
        try:
            await asyncio.to_thread(prepare, unit)
            await asyncio.to_thread(place, self._path(unit.name), text)
            if self._agent(unit.name).exists():
                await asyncio.to_thread(place, self._agent(unit.name), text)
        except OSError as error:
            raise ServiceError(f"{unit.title} cannot be registered: {error}.", hint="Mend that, then try again.") from error

    async def unregister(self, name: str) -> None:
        await self.stop(name)
        await self.disable(name)
        await asyncio.to_thread(forget, self._path(name), self._services_dir.parent)

    async def start(self, name: str) -> None:
        seen = await self.look(name)
        if seen is None or seen.state != "running":
            # The loaded agent may be older than the file, and unloading it resets launchd's throttling.
            await self.stop(name)
            await self._launchctl.ask("bootstrap", self._domain, str(self._path(name)))

    async def stop(self, name: str) -> None:
        # launchd starts every loaded agent: to stop an agent is to unload it.
        if await self._facts(name) is None:
            return
        refused = await self._launchctl.refuses("bootout", self._target(name))
        try:
            async with asyncio.timeout(END_SECONDS):
                while await self._facts(name) is not None:  # noqa: ASYNC110 launchd sends no notification
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise ServiceError(
                f"{name} does not end. {refused}".strip(), hint=f"Try: launchctl kill KILL {self._target(name)}"
            ) from error

    async def restart(self, name: str) -> None:
        await self.stop(name)
        await self.start(name)

    async def enable(self, name: str) -> str:
        try:
            text = await asyncio.to_thread(self._path(name).read_text, encoding="utf-8")
        except FileNotFoundError:
            raise not_registered(name) from None
        await asyncio.to_thread(place, self._agent(name), text)
        # The agent may have been disabled in the system's settings, which outlast the file.
        await self._launchctl.ask("enable", self._target(name))
        return LOGGED_OUT

    async def disable(self, name: str) -> None:
        await asyncio.to_thread(forget, self._agent(name), Path.home() / "Library")

    async def look(self, name: str) -> Supervised | None:
        if not self._path(name).exists():
            return None
        return understand(
            await self._facts(name) or {}, enabled=self._agent(name).exists() and not await self._switched_off(name)
        )

    def _path(self, name: str) -> Path:
        return self._services_dir / name / f"{label(name)}.plist"

    def _agent(self, name: str) -> Path:
        return self._agents / f"{label(name)}.plist"

    def _target(self, name: str) -> str:
        return f"{self._domain}/{label(name)}"

    async def _facts(self, name: str) -> dict[str, str] | None:
        """Return what launchd reports on the service; None if it is not loaded."""
        try:
            said = await self._launchctl.ask("print", self._target(name))
        except RefusedError:
            return None
        # Nested tables come later and have their own `state`; reversed, the outermost value wins.
        return {match[1]: match[2] for line in reversed(said) if (match := FACT.match(line))}

    async def _switched_off(self, name: str) -> bool:
        said = await self._launchctl.ask("print-disabled", self._domain)
        return any(re.match(rf'"{re.escape(label(name))}" => (true|disabled)', line) for line in said)


def label(name: str) -> str:
    """Return launchd's label of the service."""
    return f"dev.voicemode.{name}"


def render(unit: Unit) -> str:
    """Return the property list of `unit`. Raises ServiceError if it cannot be written down."""
    checked(unit)
    pairs = [text for name, value in unit.environment.items() for text in (_tag("key", name), _tag("string", value))]
    return Template(template(TEMPLATE)).substitute(
        label=escape(label(unit.name)),
        command=_indented(_tag("string", part) for part in unit.command),
        environment=_indented(pairs),
        log=escape(str(unit.log)),
        memory_bytes=unit.memory_mb * 1_000_000,
    )


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"\t\t{line}" for line in lines)


def understand(facts: Mapping[str, str], *, enabled: bool) -> Supervised:
    """Return the state for the facts of `launchctl print`; empty for an agent that is not loaded."""
    restarts, reason = max(0, int(facts.get("runs", "0")) - 1), _reason(facts)
    return Supervised(
        state=_state(facts.get("state", ""), restarts, failing=bool(reason)),
        enabled=enabled,
        pid=int(facts.get("pid", "0")),
        restarts=restarts,
        reason=reason,
    )


def _state(state: str, restarts: int, *, failing: bool) -> Literal["running", "starting", "stopped", "failed"]:
    match state:
        case "running":
            return "running"
        case "":
            return "stopped"
        case _ if failing and restarts >= CRASHES:
            return "failed"
        case "not running" | "exited" if not failing:
            return "stopped"
        case _:
            return "starting"


def _reason(facts: Mapping[str, str]) -> str:
    # `Killed: 9`, `78: EX_CONFIG`, `0`, `(never exited)`
    number = re.compile(r"\d+")
    if signal := number.search(facts.get("last terminating signal", "")):
        return f"signal {signal[0]}"
    code = number.search(facts.get("last exit code", ""))
    return f"exit code {code[0]}" if code and code[0] != "0" else ""
