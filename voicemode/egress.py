"""`VOICEMODE_LOCAL_ONLY`: nothing leaves this machine. The one place that enforces it.

An audit hook of the interpreter receives an event before any socket connects, binds or sends, and before any name lookup,
in every library; traffic that would leave is refused before the first packet. The HTTP client calls `check` before each
request as well: a connection opened before the switch was turned on raises no such event any more.

The switch is one object for the whole process because audit hooks cannot be removed, only told to do nothing.
Sockets of native code raise no events; the native code in use here, audio libraries, checks `distant_sound_server` first.
"""

import socket
import sys
from typing import Any

from voicemode.config.network import proxy_ports, sound_servers
from voicemode.errors import LocalOnlyError
from voicemode.loopback import is_loopback

ADDRESSES = frozenset({"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"})
"""Events whose arguments are a socket and an address."""
LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
"""Events whose first argument is a name or number to look up, which can send a request to a name server."""
INTERNET = (socket.AF_INET, socket.AF_INET6)
INTERNAL = tuple(getattr(socket, name) for name in ("AF_UNIX", "AF_NETLINK") if hasattr(socket, name))
"""Address families that reach only this machine and its kernel."""


class EgressGuard:
    """The switch, and the audit hook that obeys it."""

    def __init__(self) -> None:
        self.closed = False
        """True if nothing may leave this machine."""
        self._installed = False
        self._proxies: frozenset[int] = frozenset()
        """Ports of this machine at which a proxy would forward data to other machines."""

    def close(self) -> None:
        """Let nothing leave from now on."""
        self._proxies = proxy_ports()
        is_loopback("127.0.0.1")  # performs its import now, not within the hook
        if not self._installed:
            sys.addaudithook(self._hook)
            _watch_proactor(self)
            self._installed = True
        self.closed = True

    def open(self) -> None:
        """Let everything leave again."""
        self.closed = False

    def check(self, host: str | bytes, port: object = 0) -> None:
        """Raise LocalOnlyError if nothing may leave and `host`, a name or IP address, is elsewhere or `port` a proxy's."""
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
        if self.closed and not is_loopback(name):
            raise LocalOnlyError(f"{name or 'Every machine'} is not this machine")
        if self.closed and port in self._proxies:
            raise LocalOnlyError(f"On port {port} is a proxy, which would carry out what it is given")

    def check_address(self, family: object, address: Any) -> None:
        """Check the address of a socket of any `family`. Raises LocalOnlyError."""
        if family in INTERNET and isinstance(address, tuple) and len(address) > 1:
            self.check(address[0], address[1])
        elif self.closed and address is not None and family not in INTERNAL:
            raise LocalOnlyError(f"A socket of the kind {getattr(family, 'name', family)} may reach beyond this machine")

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.closed:
            return
        if event in ADDRESSES:
            self.check_address(arguments[0].family, arguments[1])
        elif event in LOOKUPS and arguments[0]:
            self.check(arguments[0])
        elif event == "socket.getnameinfo":
            self.check(arguments[0][0])


def _watch_proactor(guard: EgressGuard) -> None:
    """Check the addresses of Windows' event loop, which connects and sends by system calls without audit events."""
    if sys.platform == "win32":
        from asyncio import IocpProactor

        connect, sendto = IocpProactor.connect, IocpProactor.sendto

        def checked_connect(self: IocpProactor, conn: Any, address: Any) -> Any:
            guard.check_address(conn.family, address)
            return connect(self, conn, address)

        def checked_sendto(self: IocpProactor, conn: Any, buf: Any, flags: int = 0, addr: Any = None) -> Any:
            guard.check_address(conn.family, addr)
            return sendto(self, conn, buf, flags, addr)

        IocpProactor.connect, IocpProactor.sendto = checked_connect, checked_sendto  # type: ignore[method-assign]


_GUARD = EgressGuard()


def enforce(local_only: bool) -> None:
    """Let nothing leave this machine from this process from now on, or everything again."""
    if local_only:
        _GUARD.close()
    else:
        _GUARD.open()


def active() -> bool:
    """True if nothing may leave this machine."""
    return _GUARD.closed


def check(host: str) -> None:
    """Raise LocalOnlyError if nothing may leave and `host`, a name or an IP address, is not this machine."""
    _GUARD.check(host)


def distant_sound_server() -> str:
    """Return the remote host at which microphone and speaker would be found though nothing may leave; empty if none."""
    return next((host for host in sound_servers() if not is_loopback(host)), "") if active() else ""
