"""TCP sockets of this machine and their owners, where the system reveals them. Blocks for some milliseconds."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TcpSocket:
    """One end of a connection, or a listening socket."""

    host: str
    """Address the socket is bound to, as text."""
    port: int
    pid: int
    """Process id; 0 if the system does not reveal it: for another user's process, or one in a container."""
    listening: bool


def tcp_sockets() -> list[TcpSocket]:
    """Return all TCP sockets; only those of this user on macOS, none without /proc."""
    import psutil

    found: list[tuple[Any, int | None]]
    try:
        found = [(end, end.pid) for end in psutil.net_connections("tcp")]
    except psutil.AccessDenied:  # macOS: only root can list all at once
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                found += [(end, process.pid) for end in process.net_connections("tcp")]
    except (psutil.Error, OSError):
        return []
    ends = [(end.laddr, pid or 0, end.status == psutil.CONN_LISTEN) for end, pid in found if end.laddr]
    return [TcpSocket(address.ip, address.port, pid, listening) for address, pid, listening in ends]
