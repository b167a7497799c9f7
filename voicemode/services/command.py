"""Running a program to its end, hearing what it says meanwhile. Whoever is cancelled takes it with them."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from voicemode.errors import ServiceError

GRACE_SECONDS = 5.0
LAST_LINES = 8
LINE_BYTES = 1 << 20
CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
"""Of an index or a proxy; they come before the host."""


class CommandError(ServiceError):
    """A program ended with a failure. `output` are its last lines."""

    def __init__(self, command: Sequence[str], status: int, output: str) -> None:
        super().__init__(f"`{shown(command)}` failed ({status}): {output or 'it said nothing'}")
        self.output = output


async def run(command: Sequence[str], *, environ: Mapping[str, str], cwd: Path, tell: Callable[[str], None]) -> None:
    """Run `command` to its end, telling each line of its output.

    Raises:
        CommandError: It failed.
        OSError: It cannot be started.
    """
    process = await spawn(command, environ, cwd, output=PIPE)
    last: deque[str] = deque(maxlen=LAST_LINES)
    try:
        assert process.stdout  # noqa: S101 it was asked for
        async for line in process.stdout:
            if text := without_credentials(line.decode(errors="replace").strip()):
                last.append(text)
                tell(text)
        status = await process.wait()
    finally:
        await end(process)
    if status:
        raise CommandError(command, status, " | ".join(last))


async def spawn(command: Sequence[str], environ: Mapping[str, str], cwd: Path, *, output: int) -> Process:
    """Start `command` with an environment of its own and nothing to read."""
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=output,
        stderr=STDOUT,
        env=environ,
        cwd=cwd,
        start_new_session=True,  # a Ctrl-C reaches it through us, and its children end with it
        limit=LINE_BYTES,
    )


async def end(process: Process) -> None:
    """End `process` and its children, gently at first; return when it has ended."""
    _signal(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        _signal(process, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    await process.wait()


def _signal(process: Process, number: int) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of one that has just ended
        if sys.platform == "win32":
            process.terminate()
        else:
            os.killpg(process.pid, number)


def shown(command: Sequence[str]) -> str:
    """`command` as a person would type it."""
    import shlex

    return without_credentials(shlex.join(command))


def without_credentials(text: str) -> str:
    """`text` without the user names and passwords that its URLs carry."""
    return CREDENTIALS.sub("***@", text)
