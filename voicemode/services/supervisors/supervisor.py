"""Interface of the supervisors that keep services running, systemd and launchd."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, Self

SupervisorName = Literal["systemd", "launchd", "none"]
"""`none`: no supervisor; services start on demand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Everything a supervisor needs for a service; the templates are rendered from it."""

    name: str
    """Name on the command line: whisper. The registered name is voicemode-whisper, or dev.voicemode.whisper for launchd."""
    title: str
    command: tuple[str, ...]
    """Absolute path of the program, and its arguments."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All of its settings. No secret: unit files can be readable by others."""
    log: Path
    """Log to which its output is appended; the service itself rotates it."""
    writable: tuple[Path, ...]
    """Folders it can write in; the rest of the home is read-only for it, where the system can enforce that."""
    memory_mb: int
    """Memory limit in millions of bytes; above it the service is restarted."""

    @classmethod
    def from_json(cls, noted: Mapping[str, Any]) -> Self:
        """Return the unit from its `dataclasses.asdict` with paths as texts."""
        paths = {"log": Path(noted["log"]), "writable": tuple(map(Path, noted["writable"]))}
        return cls(**{**noted, **paths, "command": tuple(noted["command"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    """State of a registered service, as its supervisor sees it."""

    state: Literal["running", "starting", "stopped", "failed"]
    """`failed`: it crashed repeatedly and is no longer restarted; `stopped`: it was stopped on purpose."""
    enabled: bool
    """True if it starts when the person logs in, or the machine boots."""
    pid: int = 0
    restarts: int = 0
    """Number of automatic restarts since the last start by hand."""
    reason: str = ""
    """Reason for its last end: `exit code 1`, `signal 9`, `out of memory`."""


class Supervisor(Protocol):
    """A supervisor. Its coroutines raise ServiceError with the system's output and a remedy."""

    name: SupervisorName

    def files(self, unit: Unit) -> dict[Path, str]:
        """Return the files that `register` and `enable` write, with their text; for a link, its target's. Pure."""

    async def register(self, unit: Unit) -> None:
        """Register or update the service without starting or stopping it. Idempotent."""

    async def unregister(self, name: str) -> None:
        """Stop, disable and forget the service, leaving nothing behind. Do nothing if it is not registered."""

    async def start(self, name: str) -> None: ...

    async def stop(self, name: str) -> None:
        """Stop the service, and return when it has ended; requests in flight have 10 s to finish."""

    async def restart(self, name: str) -> None: ...

    async def enable(self, name: str) -> str:
        """Start the service at login from now on. Return a notice for the person (a logout ends it here), usually empty."""

    async def disable(self, name: str) -> None: ...

    async def look(self, name: str) -> Supervised | None:
        """Return the state of the service; None if it is not registered."""
