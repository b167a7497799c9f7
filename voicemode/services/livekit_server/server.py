"""LiveKit's server in the foreground: started with our configuration, its output logged, shut down cleanly without delay."""

import asyncio
import logging
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from voicemode.config import Settings
from voicemode.config.child_environment import child_environment
from voicemode.errors import Remedy, ServiceError
from voicemode.services.livekit_server.config import ensure_keys, write_config
from voicemode.services.livekit_server.program import INSTALL, LiveKitProgram, program_of

log = logging.getLogger(__name__)

LEVELS = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING, "ERROR": logging.ERROR}
BETWEEN_SECONDS = 0.2
"""Pause between two SIGTERMs: on the first, LiveKit waits for its rooms to empty; on the second, it disconnects them."""
GRACE_SECONDS = 5.0
LINE_BYTES = 1 << 20


def run(settings: Settings, port: int | None, minutes: float | None = None) -> None:
    """Serve until SIGTERM or SIGINT, or for `minutes`. Raises ServiceError if LiveKit is missing, or ends by itself."""
    ensure_keys(settings)
    path = write_config(settings, port or settings.livekit_port)
    asyncio.run(
        _serve([str(find_program(settings)), "--config", str(path)], child_environment(settings, ("base_dir",)), minutes)
    )


def find_program(settings: Settings) -> Path:
    """Return the program in our own environment, else one of this machine. Blocks. Raises ServiceError if there is none."""
    own = program_of(Path(sys.prefix))
    if own.exists():
        return own
    if found := LiveKitProgram().find(settings):
        return found.path
    raise ServiceError("LiveKit's server is not installed.", hint=Remedy(command=INSTALL))


async def _serve(command: list[str], environ: dict[str, str], minutes: float | None) -> None:
    with _asked_to_end() as asked:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=environ, limit=LINE_BYTES
        )
        log.info("Started %s (pid %d).", command[0], process.pid)
        reading = asyncio.create_task(_keep_log(process))
        ending = asyncio.create_task(asked.wait())
        try:
            await asyncio.wait({reading, ending}, timeout=minutes and minutes * 60, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                raise ServiceError(f"LiveKit ended by itself: {await reading or 'it said nothing'}")
        finally:
            ending.cancel()
            await _end(process)
            await reading


async def _keep_log(process: Process) -> str:
    """Log the output of `process` until it ends; return the last line."""
    assert process.stdout  # noqa: S101 stdout=PIPE
    last = ""
    async for line in process.stdout:
        if text := line.decode(errors="replace").strip():
            last = text
            level, said = understand(text)
            log.log(level, "%s", said)
    return last


def understand(line: str) -> tuple[int, str]:
    """Return the level and message of a line of LiveKit's log, without its timestamp. Pure."""
    _, level, said = (*line.split("\t", 2), "", "")[:3]
    return (LEVELS[level], said.replace("\t", " ")) if level in LEVELS else (logging.INFO, line)


async def _end(process: Process) -> None:
    for seconds in (BETWEEN_SECONDS, GRACE_SECONDS):
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


@contextmanager
def _asked_to_end() -> Iterator[asyncio.Event]:
    """Yield an event that SIGINT or SIGTERM sets; the previous signal handlers are restored afterwards."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    before = {number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(asked.set)) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
