"""Who keeps a service running: systemd or launchd. Both give the same verbs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, Self

SupervisorName = Literal["systemd", "launchd", "none"]
"""`none`: nobody does, and services start when they are needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Everything a supervisor has to know of a service; the templates are rendered from it."""

    name: str
    """As on the command line: whisper. The registered name is voicemode-whisper, or dev.voicemode.whisper for launchd."""
    title: str
    command: tuple[str, ...]
    """Absolute path of the program, and its arguments."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All of its settings. No secret: files of units can be read by others."""
    log: Path
    """Its output, appended; rotated by whoever writes it."""
    writable: tuple[Path, ...]
    """The folders it may write in; the rest of the home is read-only for it, where the system can see to that."""
    memory_mb: int
    """More than this and it is ended and started again."""

    @classmethod
    def from_json(cls, noted: Mapping[str, Any]) -> Self:
        """The unit that was written down as `dataclasses.asdict`, paths as texts."""
        paths = {"log": Path(noted["log"]), "writable": tuple(map(Path, noted["writable"]))}
        return cls(**{**noted, **paths, "command": tuple(noted["command"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    """State of a registered service, as its supervisor sees it."""

    state: Literal["running", "starting", "stopped", "failed"]
    """`failed`: it crashed again and again, and is left alone now; `stopped`: somebody wanted that."""
    enabled: bool
    """True if it starts by itself when the person logs in, or the machine starts."""
    pid: int = 0
    restarts: int = 0
    """Times it was started again since it was started by hand."""
    reason: str = ""
    """Why it ended last: `exit code 1`, `signal 9`, `out of memory`."""


class Supervisor(Protocol):
    """All of it raises ServiceError saying what the system said, and what to do."""

    name: SupervisorName

    def files(self, unit: Unit) -> dict[Path, str]:
        """Return the files that `register` and `enable` write; of a link, its target. Pure."""

    async def register(self, unit: Unit) -> None:
        """Make it known, or known anew; neither started nor stopped. Doing it twice changes nothing."""

    async def unregister(self, name: str) -> None:
        """Stop, disable and forget it. Nothing of it is left; nothing happens if it was not known."""

    async def start(self, name: str) -> None: ...

    async def stop(self, name: str) -> None:
        """Return when it has ended; requests in flight may finish (10 s)."""

    async def restart(self, name: str) -> None: ...

    async def enable(self, name: str) -> str:
        """Start it by itself from now on. Returns what the person should know (a logout ends it here), usually nothing."""

    async def disable(self, name: str) -> None: ...

    async def look(self, name: str) -> Supervised | None:
        """Return the state of the service; None if it is not registered."""
