"""Owners of the listening ports of this machine, which may have several users.

Another user who takes a well-known port first would receive people's speech. A server that is discovered rather than
configured is therefore used only if it runs as this user or as root.
"""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from voicemode.engines.server.sockets import tcp_sockets
from voicemode.services.port_owner import describe

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    host: str
    """Address that the socket is bound to, as text."""
    port: int
    trusted: bool
    """True if the socket belongs to this user or to root."""


Listeners = Sequence[ListeningSocket] | None
"""All listening sockets; None where the system does not list them."""


async def listeners() -> Listeners:
    """Return the sockets that listen now. Takes a few milliseconds."""
    return await asyncio.to_thread(_ask_the_system)


def may_be_asked(there: Listeners, host: str, port: int) -> bool:
    """True if some socket serves `host`, an address of this machine, and all that do are trusted; True without a list."""
    if there is None:
        return True
    trusted = [one.trusted for one in there if one.port == port and one.host in takers(host)]
    return bool(trusted) and all(trusted)


def takers(host: str) -> tuple[str, ...]:
    """Return the addresses to which a socket that receives connections to `host` can be bound."""
    four = host.removeprefix("::ffff:")
    if ":" in four:
        return host, "::"
    return four, "0.0.0.0", f"::ffff:{four}", "::ffff:0.0.0.0", "::"  # noqa: S104 - compared with


def parse_table(text: str, trusted_uids: Sequence[int]) -> Iterator[ListeningSocket]:
    """Yield the listening sockets in the text of /proc/net/tcp or tcp6; lines that cannot be parsed are skipped."""
    for line in text.splitlines()[1:]:
        with suppress(ValueError, IndexError):
            fields = line.split()
            address, _, port = fields[1].partition(":")
            if fields[3] == LISTENING:
                yield ListeningSocket(_host(address), int(port, 16), int(fields[7]) in trusted_uids)


def _host(digits: str) -> str:
    """Decode an address like `0100007F` (127.0.0.1): words of four bytes in this machine's byte order."""
    words = (int(digits[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(digits), 8))
    ip = ip_address(b"".join(words))
    mapped = getattr(ip, "ipv4_mapped", None)
    return f"::ffff:{mapped}" if mapped else str(ip)


def _ask_the_system() -> Listeners:
    texts = []
    for table in TABLES:
        with suppress(OSError):
            texts.append(table.read_text(encoding="ascii"))
    if not texts:
        return by_process()
    trusted = (os.getuid(), 0)
    return [listener for text in texts for listener in parse_table(text, trusted)]


def by_process() -> Listeners:
    """Return the listening sockets by process, for systems without /proc. None on macOS, where only root sees them all."""
    there = [end for end in tcp_sockets() if end.listening] if sys.platform != "darwin" else []
    return [ListeningSocket(end.host, end.port, _is_mine(end.pid)) for end in there] or None


def _is_mine(pid: int) -> bool:
    found = describe(pid) if pid else None
    return found is not None and found.mine
