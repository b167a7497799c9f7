"""A real MCP client that starts VoiceMode as an agent would: as a child process, on stdio."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self, TextIO

from mcp.client import Client
from mcp.client.session import ElicitationFnT
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import CallToolResult, TextContent

from tests.support.neighbours import NOBODY
from tests.support.paths import REPOSITORY

COMMAND = (sys.executable, "-m", "voicemode")


def environment(**extra: str) -> dict[str, str]:
    """Return the environment of a child: what it needs of ours, and `extra`. The turn model, which is fetched, is off."""
    kept = ("PATH", "HOME", "LANG", "PULSE_SERVER", "PULSE_COOKIE", "PULSE_RUNTIME_PATH", "ALSA_CONFIG_PATH", "SSL_CERT_FILE")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "PYTHONPATH": str(REPOSITORY),
        "VOICEMODE_TURN_MODEL": "off",
        **NOBODY,
        **extra,
    }


@asynccontextmanager
async def connect(
    environ: Mapping[str, str],
    *,
    command: tuple[str, ...] = COMMAND,
    mode: Any = "auto",
    errlog: TextIO = sys.stderr,
    elicit: ElicitationFnT | None = None,
) -> AsyncIterator[Client]:
    """Yield a client of a new VoiceMode; `elicit` asks the person in writing, if supported."""
    parameters = StdioServerParameters(command=command[0], args=list(command[1:]), env=dict(environ), cwd=environ["HOME"])
    async with Client(stdio_client(parameters, errlog), mode=mode, elicitation_callback=elicit) as client:
        yield client


def text(result: CallToolResult) -> str:
    """Return the text of a tool result."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


class RawServer:
    """A server with direct access to its pipes, for signals, broken connections and raw stdout."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin, self.stdout = process.stdin, process.stdout

    @classmethod
    async def start(cls, environ: Mapping[str, str]) -> Self:
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(*COMMAND, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(environ)))

    async def initialize(self) -> None:
        """Initialize the session."""
        client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
        self.send({"id": 1, "method": "initialize", "params": client})
        answer = await self.receive()
        assert answer["result"]["serverInfo"]["name"] == "voicemode"
        self.send({"method": "notifications/initialized"})

    async def converse_until(self, stage: str, message: str = "Well?") -> None:
        """Call `converse`; return when it reports `stage`."""
        params = {"name": "converse", "arguments": {"message": message}, "_meta": {"progressToken": 2}}
        self.send({"id": 2, "method": "tools/call", "params": params})
        while (await self.receive()).get("params", {}).get("message") != stage:
            pass

    def send(self, message: dict[str, Any]) -> None:
        self.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def receive(self, seconds: float = 60.0) -> dict[str, Any]:
        line = await asyncio.wait_for(self.stdout.readline(), seconds)
        return dict(json.loads(line))

    async def ends(self, seconds: float) -> int:
        """Return the exit status; TimeoutError if the process does not exit within `seconds`."""
        return await asyncio.wait_for(self.process.wait(), seconds)


class Progress:
    """Progress notifications, and a way to wait for one."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.numbers: list[float] = []
        self._news = asyncio.Condition()

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        async with self._news:
            self.numbers.append(progress)
            self.stages.append(message or "")
            self._news.notify_all()

    async def reached(self, stage: str, *, seconds: float = 60.0) -> None:
        """Wait until `stage` has been reported, word for word: a report with a detail is another one."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: stage in self.stages)
