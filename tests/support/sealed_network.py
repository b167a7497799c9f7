"""A network that looks open but lets no packet out, and records each one that tries.

A namespace with its own loopback, and a TUN device with the default route, which only a thread of ours reads. The thread
that enters this context joins the namespace, and so do all threads and processes that it starts meanwhile.
"""

import ctypes
import fcntl
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.bad_network import IFF_NO_PI, IFF_TUN, LONGEST_PACKET, TUNSETIFF

CLONE_NEWNET = 0x40000000
DEVICE = "wan"
DNS = 53
TRANSPORTS = {6: "TCP", 17: "UDP"}
SETUP = (
    "link set lo up",
    f"addr add 10.99.0.2/24 dev {DEVICE}",
    f"link set {DEVICE} up",
    f"route add default via 10.99.0.1 dev {DEVICE}",
)


class SealedNetwork:
    """A context manager. Skips the test if namespaces are not allowed."""

    def __init__(self) -> None:
        self.leaks = list[str]()
        """Destination of each packet, as `UDP 192.0.2.1:53 name.example`."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        ip = shutil.which("ip")
        if os.geteuid() or not ip:
            pytest.skip("network namespaces need root, and the program ip (Debian: iproute2)")
        libc = ctypes.CDLL(None, use_errno=True)
        with self._stack:
            before = self._stack.enter_context(Path("/proc/thread-self/ns/net").open())
            if libc.unshare(CLONE_NEWNET):
                pytest.skip(f"no network namespace can be made here: {os.strerror(ctypes.get_errno())}")
            self._stack.callback(libc.setns, before.fileno(), CLONE_NEWNET)
            device = self._open()
            # With IPv6 the kernel itself would solicit routers.
            Path(f"/proc/sys/net/ipv6/conf/{DEVICE}/disable_ipv6").write_text("1")
            for command in SETUP:
                subprocess.run([ip, *command.split()], check=True)
            over, end = os.pipe()
            thread = threading.Thread(target=self._watch, args=[device, over], name="sealed-network")
            thread.start()
            for file in (over, device):
                self._stack.callback(os.close, file)
            self._stack.callback(thread.join)
            self._stack.callback(os.close, end)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def _open(self) -> int:
        try:
            device = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
        except OSError as error:
            pytest.skip(f"no TUN device can be made here: {error}")
        return device

    def _watch(self, device: int, over: int) -> None:
        while True:
            ready, _, _ = select.select([device, over], [], [])
            if over in ready:
                return
            self.leaks.append(destination(os.read(device, LONGEST_PACKET)))


def destination(packet: bytes) -> str:
    if packet[0] >> 4 == 4:
        start, kind, address = (packet[0] & 15) * 4, packet[9], socket.inet_ntop(socket.AF_INET, packet[16:20])
    else:
        start, kind, address = 40, packet[6], socket.inet_ntop(socket.AF_INET6, packet[24:40])
    if kind not in TRANSPORTS:
        return f"{kind} {address}"
    port = struct.unpack("!H", packet[start + 2 : start + 4])[0]
    # For a DNS query, the name.
    asked = b".".join(re.findall(rb"[\w-]{2,}", packet[start + 20 :])).decode("ascii", "replace") if port == DNS else ""
    return f"{TRANSPORTS[kind]} {address}:{port} {asked}".strip()
