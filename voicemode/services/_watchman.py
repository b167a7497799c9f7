"""Our own supervisor, where the system has none: one process for each service, which it starts and starts again.

    python -P -m voicemode.services._watchman FOLDER

It is nobody's child in spirit: whoever started it may end. What it does is written to FOLDER (`_watch`).
"""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from voicemode.config import Settings
from voicemode.config.child_environment import OF_THIS_INTERPRETER, child_environment
from voicemode.log import configure
from voicemode.services._watch import Identity, State, Watch, WatchFolder, end_tree, kill_group, memory_bytes
from voicemode.services.detached import open_log
from voicemode.services.supervisors.supervisor import Unit

log = logging.getLogger("voicemode.watchman")

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 8.0
CRASHES = 5
"""Within CRASH_SECONDS: then the service is left alone."""
CRASH_SECONDS = 60.0
POLL_SECONDS = 0.2
MEMORY_SECONDS = 2.0
NICENESS = 5


def pause_seconds(ends: Sequence[float]) -> float | None:
    """How long to wait before the next start; None is never again. `ends` are the times of crashes, the last one is now."""
    recent = sum(ends[-1] - end < CRASH_SECONDS for end in ends)
    return None if recent >= CRASHES else min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (recent - 1))


class Watchman:
    """Keeps the service of one folder running until asked to stop."""

    def __init__(self, folder: WatchFolder, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._seen = Watch(watchman=Identity.of(os.getpid()))

    async def run(self) -> None:
        """Return when the service was stopped, has ended well, or crashed too often."""
        if stray := self._folder.watch().service.find():
            log.warning("Ending process %d, whose watchman was killed.", stray.pid)
            await end_tree(stray)
        ends: list[float] = []
        while (reason := await self._run_once()) and not self._asked_to_stop():
            ends.append(self._clock())
            pause = pause_seconds(ends)
            self._note("failed" if pause is None else "starting", reason=reason)
            if pause is None:
                log.error("It crashed %d times within %g s, the last time with %s.", CRASHES, CRASH_SECONDS, reason)
                return
            log.warning("It ended with %s; starting it again in %g s.", reason, pause)
            if await self._stopped_within(pause):
                break
            self._seen = replace(self._seen, restarts=self._seen.restarts + 1)
        self._note("stopped", reason=reason)

    async def _run_once(self) -> str:
        """Why it ended; empty if that is well."""
        unit = self._folder.unit()
        try:
            process = await start(unit)
        except OSError as error:
            log.warning("%s cannot be started: %s", unit.command[0], error)
            return "exit code 127"
        self._note("running", service=Identity.of(process.pid), reason=self._seen.reason)
        ended = asyncio.create_task(process.wait())
        reason = await self._watch(unit, ended)
        if not ended.done() and (root := self._seen.service.find()):
            await end_tree(root)
        status = await ended
        kill_group(process.pid)
        return reason or ending(status, asked=self._asked_to_stop())

    async def _watch(self, unit: Unit, ended: "asyncio.Task[int]") -> str:
        """Return when the service has ended or has to; says why in the latter case, unless it was asked to."""
        look_at_memory = self._clock()
        while not ended.done() and not self._asked_to_stop():
            await asyncio.wait([ended], timeout=POLL_SECONDS)
            if self._clock() >= look_at_memory:
                look_at_memory = self._clock() + MEMORY_SECONDS
                if self._too_large(unit):
                    return "out of memory"
        return ""

    def _too_large(self, unit: Unit) -> bool:
        root = self._seen.service.find()
        return root is not None and memory_bytes(root) > unit.memory_mb * 1_000_000

    async def _stopped_within(self, seconds: float) -> bool:
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0 and not self._asked_to_stop():  # noqa: ASYNC110 a file says so
            await asyncio.sleep(min(left, POLL_SECONDS))
        return self._asked_to_stop()

    def _asked_to_stop(self) -> bool:
        return self._folder.stop.exists()

    def _note(self, state: State, **changes: Any) -> None:
        self._seen = replace(self._seen, state=state, **changes)
        self._folder.write(self._seen)


async def start(unit: Unit) -> asyncio.subprocess.Process:
    """Start what `unit` says, in a session of its own. Raises OSError."""
    with await asyncio.to_thread(open_log, unit.log) as output:
        process = await asyncio.create_subprocess_exec(
            *unit.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**lasting_environment(), **unit.environment},
            cwd=Path(sys.executable).anchor,
            start_new_session=True,
            creationflags=new_group(),
        )
    lower_priority(process.pid)
    return process


def new_group() -> int:
    """The flag Windows needs: it shares our console, or no Ctrl-Break of ours would reach it."""
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP
    return 0


def lasting_environment() -> dict[str, str]:
    """What a service inherits: nothing of the interpreter that happened to start us."""
    return {name: text for name, text in child_environment(Settings(), ()).items() if name not in OF_THIS_INTERPRETER}


def lower_priority(pid: int) -> None:
    import psutil

    with suppress(psutil.Error):
        if sys.platform == "win32":
            psutil.Process(pid).nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            psutil.Process(pid).nice(NICENESS)


def ending(status: int, *, asked: bool) -> str:
    """Why a process ended with `status`, as `subprocess` has it; empty if that is well."""
    if asked or status in (0, -signal.SIGTERM):
        return ""
    return f"signal {-status}" if status < 0 else f"exit code {status}"


def main(path: str) -> None:
    """Watch the service of the folder at `path`, unless another watchman does."""
    from filelock import FileLock, Timeout

    configure("info", None)
    folder = WatchFolder(Path(path))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: folder.stop.touch())
    try:
        with FileLock(folder.lock, timeout=0):
            try:
                asyncio.run(Watchman(folder).run())
            finally:
                folder.stop.unlink(missing_ok=True)
    except Timeout:
        log.info("Another watchman has %s.", folder.path)


if __name__ == "__main__":
    main(sys.argv[1])
