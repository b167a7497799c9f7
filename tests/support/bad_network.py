"""A network that loses and delays packets, or is cut: a namespace whose packets all pass through this process.

Does what `tc netem` does, which few kernels have built in: two TUN devices, one on each side, and a thread between them.
"""

import heapq
import os
import random
import selectors
import shutil
import struct
import subprocess
import threading
import time
from contextlib import ExitStack
from itertools import count
from types import TracebackType
from typing import Self

import pytest

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
LONGEST_PACKET = 2048


class BadNetwork:
    """A context manager. The attributes, which can change at any time, control the packets between `here` and `there`.

    Skips the test if namespaces are not allowed.
    """

    here = "10.88.0.1"
    """Address of this machine in the network."""
    there = "10.88.0.2"

    def __init__(self) -> None:
        self.loss = 0.0
        """Share of packets that are lost, in each direction."""
        self.delay_seconds = 0.0
        """Delay of each packet, in each direction."""
        self.jitter_seconds = 0.0
        """Largest random deviation from that delay; packets stay in order."""
        self.cut = False
        """True to drop all packets."""
        self._name = f"vm{os.getpid()}"
        self._stack = ExitStack()
        self._chance = random.Random(5)
        self._stop = threading.Event()

    @property
    def inside(self) -> tuple[str, ...]:
        """Prefix of a command that is to run in the namespace."""
        return ("ip", "netns", "exec", self._name)

    def __enter__(self) -> Self:
        if os.geteuid() or not shutil.which("ip"):
            pytest.skip("network namespaces need root, and the program ip (Debian: iproute2)")
        with self._stack:
            self._ip("netns", "add", self._name)
            self._stack.callback(self._ip, "netns", "delete", self._name)
            devices = [self._open(f"{self._name}{side}") for side in "ab"]
            self._connect(f"{self._name}a", self.here, self.there)
            self._ip("link", "set", f"{self._name}b", "netns", self._name)
            self._connect(f"{self._name}b", self.there, self.here, *self.inside)
            subprocess.run([*self.inside, "ip", "link", "set", "lo", "up"], check=True)
            thread = threading.Thread(target=self._relay, args=devices, name="bad-network")
            thread.start()
            self._stack.callback(thread.join)
            self._stack.callback(self._stop.set)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def _open(self, name: str) -> int:
        import fcntl  # not on all platforms, like namespaces

        try:
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            self._stack.callback(os.close, device)
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
        except OSError as error:
            pytest.skip(f"no TUN device can be made here: {error}")
        return device

    def _connect(self, device: str, address: str, peer: str, *inside: str) -> None:
        for command in (["addr", "add", address, "peer", peer, "dev", device], ["link", "set", device, "up"]):
            subprocess.run([*inside, "ip", *command], check=True)

    def _ip(self, *arguments: str) -> None:
        command = ["ip", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no network namespace can be made here: {done.stderr.strip()}")

    def _relay(self, one: int, other: int) -> None:
        """Forward each packet to the other device when it is due, until stopped."""
        number, waiting = count(), list[tuple[float, int, int, bytes]]()
        latest = dict.fromkeys((one, other), 0.0)
        with selectors.DefaultSelector() as selector:
            for device in (one, other):
                selector.register(device, selectors.EVENT_READ)
            while not self._stop.is_set():
                pause = waiting[0][0] - time.monotonic() if waiting else 0.05
                for key, _ in selector.select(min(max(pause, 0), 0.05)):
                    packet, out = os.read(key.fd, LONGEST_PACKET), other if key.fd == one else one
                    if not self.cut and self._chance.random() >= self.loss:
                        jitter = self._chance.uniform(-self.jitter_seconds, self.jitter_seconds)
                        latest[out] = max(latest[out], time.monotonic() + self.delay_seconds + jitter)
                        heapq.heappush(waiting, (latest[out], next(number), out, packet))
                while waiting and waiting[0][0] <= time.monotonic():
                    _, _, out, packet = heapq.heappop(waiting)
                    os.write(out, packet)
