"""Time until a server spawned by an agent has answered `initialize` and `tools/list`."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil

from bench.figures import Figure
from bench.lab import Lab

OURS = ("-m", "voicemode")
BARE = ("-m", "bench.programs.bare_server")
PROTOCOL = "2025-11-25"


class Spawned:
    """A server on pipes, addressed without an MCP library, so that only the server's own time is measured."""

    def __init__(self, module: tuple[str, ...], environ: Mapping[str, str]) -> None:
        begun = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, *module], env=environ, cwd=environ["HOME"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        client = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": {"name": "bench", "version": "0"}}
        self._ask(1, "initialize", client)
        self._send({"method": "notifications/initialized"})
        self.tools = self._ask(2, "tools/list", {})["tools"]
        self.seconds = time.perf_counter() - begun

    @property
    def megabytes(self) -> float:
        return float(psutil.Process(self.process.pid).memory_info().rss / 1e6)

    def close(self) -> None:
        self.process.communicate(timeout=10)

    def _ask(self, number: int, method: str, params: Mapping[str, object]) -> dict[str, Any]:
        self._send({"id": number, "method": method, "params": params})
        assert self.process.stdout
        while (answer := json.loads(self.process.stdout.readline())).get("id") != number:
            pass
        result: dict[str, Any] = answer["result"]
        return result

    def _send(self, message: Mapping[str, object]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()


@contextmanager
def spawned(module: tuple[str, ...], environ: Mapping[str, str]) -> Iterator[Spawned]:
    server = Spawned(module, environ)
    try:
        yield server
    finally:
        server.close()


def measure(lab: Lab) -> list[Figure]:
    """Alternate between our server and the bare one, so that both run under the same conditions."""
    environ = lab.talking_to(lab.speech_service(1.0))
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(lab.runs + 1):
        for module, seconds in ((OURS, ours), (BARE, bare)):
            with spawned(module, environ) as server:
                seconds.append(server.seconds)
    # The first run of each reads from disk and compiles.
    return [
        Figure(name="spawn → initialize + tools/list answered", values=tuple(ours[1:]), incumbent="2.6–3.5 s", at_most=1.1),
        Figure(name="a bare MCP server with one tool: the floor", values=tuple(bare[1:])),
    ]
