"""TCP sockets of this machine and whose they are, as far as the system tells. Blocks for some milliseconds."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TcpSocket:
    """One end of a connection, or a socket that listens."""

    host: str
    """The address it is bound to, as text."""
    port: int
    pid: int
    """0 where the system does not say: it is another user's, or in a container."""
    listening: bool


def tcp_sockets() -> list[TcpSocket]:
    """Return all there are; only those of this user on macOS, none where there is no /proc."""
    import psutil

    found: list[tuple[Any, int | None]]
    try:
        found = [(end, end.pid) for end in psutil.net_connections("tcp")]
    except psutil.AccessDenied:  # macOS: only root may ask for all at once
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                found += [(end, process.pid) for end in process.net_connections("tcp")]
    except (psutil.Error, OSError):
        return []
    ends = [(end.laddr, pid or 0, end.status == psutil.CONN_LISTEN) for end, pid in found if end.laddr]
    return [TcpSocket(address.ip, address.port, pid, listening) for address, pid, listening in ends]
