"""Who asks. To be fair between clients, the server has to know which requests come from the same one.

Connections do not say: whoever sends fifty requests at once opens fifty of them, and would get fifty shares. Names do not
either: all VoiceModes of a machine have the same User-Agent. So for a connection from this machine the process at its other
end is looked up, where the system tells (Linux and Windows for processes of the same user). For others, and elsewhere, a
client is a program (User-Agent) on a machine. Nothing is looked up unless somebody has to wait.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil
from starlette.requests import Request

from voicemode.loopback import is_loopback

Address = tuple[str, int]
"""Host and port of one end of a connection."""
Owners = Mapping[Address, int]
"""Process ids."""

STALE_SECONDS = 5.0
"""A port may get another owner; none gets one that soon."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a request's connection."""

    address: Address = ("", 0)
    agent: str = ""
    """Name the client gives itself."""

    @property
    def program(self) -> str:
        return f"{self.agent} at {self.address[0]}"


def peer_of(request: Request) -> Peer:
    host, port = request.client or ("", 0)
    return Peer((host, port), request.headers.get("user-agent", ""))


class Clients:
    """Names of clients, remembered for a moment."""

    def __init__(self, find: Callable[[], Owners], clock: Callable[[], float] = time.monotonic) -> None:
        self._find = find
        self._clock = clock
        self._known: dict[Address, int] = {}
        self._stale_at = clock()
        self._finding = asyncio.Lock()

    async def name(self, peer: Peer) -> str:
        """Return a name that all requests of one client share, and no other client has."""
        if not is_loopback(peer.address[0]):
            return peer.program
        pid = await self._owner(peer.address)
        return f"process {pid}" if pid else peer.program

    async def _owner(self, address: Address) -> int:
        """0 if it cannot be known."""
        async with self._finding:
            if address not in self._known or self._clock() >= self._stale_at:
                self._known = {**await asyncio.to_thread(self._find)}
                self._stale_at = self._clock() + STALE_SECONDS
            return self._known.setdefault(address, 0)


def owners() -> Owners:
    """Who has which end of the connections of this machine. Takes 5 ms; empty where the system does not tell."""
    with suppress(psutil.Error, OSError):
        table = psutil.net_connections("tcp")
        return {(end.laddr.ip, end.laddr.port): end.pid for end in table if end.laddr and end.raddr and end.pid}
    return {}
