"""A real MCP client that starts VoiceMode as an agent's program would: as a child, on stdio."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TextIO

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import CallToolResult, TextContent

REPOSITORY = Path(__file__).parent.parent
COMMAND = (sys.executable, "-m", "voicemode")


def environment(**extra: str) -> dict[str, str]:
    """What a child needs of this process, and `extra`."""
    kept = ("PATH", "HOME", "LANG", "PULSE_SERVER", "PULSE_COOKIE", "ALSA_CONFIG_PATH", "SSL_CERT_FILE")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONPATH": str(REPOSITORY)} | extra


@asynccontextmanager
async def connect(
    environ: Mapping[str, str], *, command: tuple[str, ...] = COMMAND, mode: Any = "auto", errlog: TextIO = sys.stderr
) -> AsyncIterator[Client]:
    """A client of a VoiceMode of its own."""
    parameters = StdioServerParameters(command=command[0], args=list(command[1:]), env=dict(environ), cwd=environ["HOME"])
    async with Client(stdio_client(parameters, errlog), mode=mode) as client:
        yield client


def text(result: CallToolResult) -> str:
    """The text of a tool result."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


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
        """Wait until `stage` has been reported."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: stage in self.stages)
