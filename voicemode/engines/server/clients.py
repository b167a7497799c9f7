"""Client identification: fairness between clients requires knowing which requests come from the same client.

Connections do not identify a client: one that sends fifty requests at once opens fifty, and would get fifty shares. Nor do
names: all VoiceModes on a machine have the same User-Agent. So for a local connection the process at the other end is
looked up, where the system reveals it (see `sockets`). For any other connection, a client is a program (User-Agent) on a
machine. Nothing is looked up unless a request has to wait.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from voicemode.engines.server.sockets import tcp_sockets
from voicemode.loopback import is_loopback

Address = tuple[str, int]
"""Host and port of one end of a connection."""
Owners = Mapping[Address, int]
"""Process ids by connection end."""

STALE_SECONDS = 5.0
"""Lifetime of the cached owners: a port can change owner, but not this quickly."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a request's connection."""

    address: Address = ("", 0)
    agent: str = ""
    """User-Agent of the client."""

    @property
    def program(self) -> str:
        return f"{self.agent} at {self.address[0]}"


def peer_of(request: Request) -> Peer:
    host, port = request.client or ("", 0)
    return Peer((host, port), request.headers.get("user-agent", ""))


class Clients:
    """Names of clients, with the owners of their connections cached briefly."""

    def __init__(self, find: Callable[[], Owners], clock: Callable[[], float] = time.monotonic) -> None:
        self._find = find
        self._clock = clock
        self._known: dict[Address, int] = {}
        self._stale_at = clock()
        self._finding = asyncio.Lock()

    async def name(self, peer: Peer) -> str:
        """Return a name shared by all requests of one client and by no other client."""
        if not is_loopback(peer.address[0]):
            return peer.program
        pid = await self._owner(peer.address)
        return f"process {pid}" if pid else peer.program

    async def _owner(self, address: Address) -> int:
        """Return the process id that owns `address`; 0 if unknown."""
        async with self._finding:
            if address not in self._known or self._clock() >= self._stale_at:
                self._known = {**await asyncio.to_thread(self._find)}
                self._stale_at = self._clock() + STALE_SECONDS
            return self._known.setdefault(address, 0)


def owners() -> Owners:
    """Return the owner of each connection end on this machine; empty if the system reveals none. Takes 5 ms."""
    return {(end.host, end.port): end.pid for end in tcp_sockets() if end.pid and not end.listening}
