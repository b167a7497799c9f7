"""Finding the process that listens on a port of this machine, and whether it is ours. Nothing here ends a process."""

import contextlib
import socket
from dataclasses import dataclass, replace
from pathlib import Path

from voicemode.config.child_environment import base_dir_of
from voicemode.engines.server.sockets import tcp_sockets
from voicemode.services.health import Health
from voicemode.services.service import HOST, Service

CONNECT_SECONDS = 1.0
HERE = (HOST, "::ffff:127.0.0.1", "0.0.0.0", "::", "::1")  # noqa: S104 - compared with, not bound to
"""Listening addresses that accept connections to HOST, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that listens on a port."""

    pid: int = 0
    """Process id; 0 where the system hides it: the process is another user's, or in a container."""
    name: str = ""
    user: str = ""
    mine: bool = False
    """True if the process runs as the current user."""
    command: tuple[str, ...] = ()
    ancestors: tuple[int, ...] = ()
    """Process ids of its ancestors, the parent first."""
    started: float = 0.0
    """Start time, in seconds since 1970."""
    base_dir: str = ""
    """Base directory in its environment; empty if there is none."""

    def works_in(self, base_dir: Path) -> bool:
        """True if the process uses the base directory `base_dir`, or was given none."""
        return not self.base_dir or Path(self.base_dir).expanduser() == base_dir.expanduser()

    def __str__(self) -> str:
        if not self.pid:
            return "a program of another user, or in a container"
        user = f", user {self.user}" if self.user else ""
        return f"{self.name or 'a program'} (pid {self.pid}{user})"


def owner(port: int) -> Owner | None:
    """Return the process that listens on `port` of this machine; None if there is none. Blocks for some milliseconds."""
    listening, somebody = _listeners(port), False
    for address in HERE:
        for pid in listening.get(address, ()):
            if pid and (found := describe(pid)):
                return found
            somebody = True
    return Owner() if somebody or _answers(port) else None


def is_ours(service: Service, found: Owner | None, health: Health | None) -> bool:
    """True if `found`, which reports `health`, is the server of `service`, run by the current user."""
    if found is None or health is None:
        return False
    signed = service.sign and found.command and found.command[-1].endswith(service.sign)
    return found.mine and health.service == service.health_name and bool(signed or health.pid == found.pid)


def _listeners(port: int) -> dict[str, list[int]]:
    """Return the ids of the listening processes by address; 0 stands for a process that the system hides."""
    found: dict[str, list[int]] = {}
    for end in tcp_sockets():
        if end.listening and end.port == port:
            found.setdefault(end.host, []).append(end.pid)
    return {address: sorted(pids, reverse=True) for address, pids in found.items()}


def describe(pid: int) -> Owner | None:
    """Return the process `pid` as an Owner; None if it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        name, user = process.name(), process.username()
    except psutil.AccessDenied:
        return Owner(pid)
    except psutil.Error:
        return None
    found = Owner(pid, name, user, mine=user == psutil.Process().username())
    with contextlib.suppress(psutil.Error):
        return replace(
            found,
            command=tuple(process.cmdline()),
            ancestors=tuple(parent.pid for parent in process.parents()),
            started=process.create_time(),
            base_dir=base_dir_of(process) if found.mine else "",
        )
    return found


def began() -> float:
    """Return the start time of this process, in seconds since 1970; 0 if the system hides it."""
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        return psutil.Process().create_time()
    return 0.0


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), CONNECT_SECONDS):
        return True
    return False
