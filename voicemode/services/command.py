"""Running a program to completion while streaming its output. Cancelling the caller ends the program."""

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
"""User name and password in the URL of a package index or a proxy; they precede the host."""


class CommandError(ServiceError):
    """A program exited with a failure. `output` holds its last lines."""

    def __init__(self, command: Sequence[str], status: int, output: str) -> None:
        super().__init__(f"`{shown(command)}` failed ({status}): {output or 'it said nothing'}")
        self.output = output


async def run(command: Sequence[str], *, environ: Mapping[str, str], cwd: Path, tell: Callable[[str], None]) -> None:
    """Run `command` to completion, passing each line of its output to `tell`.

    Raises:
        CommandError: The command failed.
        OSError: The command cannot be started.
    """
    process = await spawn(command, environ, cwd, output=PIPE)
    last: deque[str] = deque(maxlen=LAST_LINES)
    try:
        assert process.stdout  # noqa: S101 output=PIPE
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
    """Start `command` with its own environment and no standard input."""
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=output,
        stderr=STDOUT,
        env=environ,
        cwd=cwd,
        start_new_session=True,  # Ctrl-C reaches the command through us, and its children end with it
        limit=LINE_BYTES,
    )


async def end(process: Process) -> None:
    """End `process` and its children, first with SIGTERM, then with SIGKILL; return when it has ended."""
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
    with suppress(ProcessLookupError, PermissionError):  # macOS raises the latter for a process that has just ended
        if sys.platform == "win32":
            process.terminate()
        else:
            os.killpg(process.pid, number)


def shown(command: Sequence[str]) -> str:
    """Return `command` as a person would type it."""
    import shlex

    return without_credentials(shlex.join(command))


def without_credentials(text: str) -> str:
    """Return `text` without the user names and passwords in its URLs."""
    return CREDENTIALS.sub("***@", text)
