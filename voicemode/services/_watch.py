"""What our own supervisor and those who command it share: the folder of a service, and which process is which.

The folder has `unit.json`, what to run; `watch.json`, how that goes, rewritten by the watchman at each turn; `watch.lock`,
held by the watchman; and `stop`, which asks it to end.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from voicemode.config.files import write_atomically
from voicemode.errors import Remedy, ServiceError
from voicemode.services.supervisors.supervisor import Unit
from voicemode.services.supervisors.unit_files import not_registered

if TYPE_CHECKING:
    import psutil

GRACE_SECONDS = 10.0
"""Requests in flight may finish."""
KILL_SECONDS = 5.0
POLL_SECONDS = 0.05

State = Literal["running", "starting", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that is not mistaken for another that got its number later."""

    pid: int = 0
    created: float = 0.0
    """As the system has it."""

    @classmethod
    def of(cls, pid: int) -> Self:
        """The process that has the number now; nobody, if it has ended."""
        import psutil

        with suppress(psutil.Error):
            return cls(pid, psutil.Process(pid).create_time())
        return cls()

    def find(self) -> "psutil.Process | None":
        """The process, if it still runs."""
        import psutil

        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if self.pid and process.create_time() == self.created and _runs(process):
                return process
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How it goes, as the watchman wrote it down."""

    watchman: Identity = Identity()
    service: Identity = Identity()
    """What was started last."""
    state: State = "stopped"
    restarts: int = 0
    reason: str = ""
    """Why it ended last."""


class WatchFolder:
    """The files of one service."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unit_file = path / "unit.json"
        self.watch_file = path / "watch.json"
        self.lock = path / "watch.lock"
        self.stop = path / "stop"

    def unit(self) -> Unit:
        """What to run. Raises ServiceError."""
        name = self.path.name
        try:
            return Unit.from_json(json.loads(self.unit_file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise not_registered(name) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ServiceError(
                f"{self.unit_file} cannot be read: {error}.", hint=Remedy("Write it anew", f"voicemode service install {name}")
            ) from error

    def watch(self) -> Watch:
        """How it goes. One that never ran is stopped."""
        try:
            noted = json.loads(self.watch_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Watch()
        return Watch(**{**noted, "watchman": Identity(**noted["watchman"]), "service": Identity(**noted["service"])})

    def write(self, watch: Watch) -> None:
        write_atomically(self.watch_file, json.dumps(asdict(watch)).encode())

    def all(self) -> Iterable[Path]:
        return (self.unit_file, self.watch_file, self.lock, self.stop)


def unit_text(unit: Unit) -> str:
    """What `WatchFolder.unit` reads."""
    return json.dumps(asdict(unit), default=str, indent=1)


async def end_tree(root: "psutil.Process") -> None:
    """End `root`, gently at first, and then whatever it left behind."""
    family = [root, *_children(root)]
    _ask_to_end(root)
    await _ended([root], GRACE_SECONDS)
    family += _children(root)
    kill_group(root.pid)
    for process in family:
        _kill(process)
    await _ended(family, KILL_SECONDS)


def memory_bytes(root: "psutil.Process") -> int:
    """Resident memory of `root` and all below it."""
    return sum(_resident(process) for process in (root, *_children(root)))


def _resident(process: "psutil.Process") -> int:
    import psutil

    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _children(process: "psutil.Process") -> "list[psutil.Process]":
    import psutil

    with suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _ask_to_end(process: "psutil.Process") -> None:
    import signal

    import psutil

    with suppress(psutil.Error, OSError):
        if sys.platform == "win32":
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            process.terminate()


def _kill(process: "psutil.Process") -> None:
    import psutil

    with suppress(psutil.Error):
        process.kill()


def kill_group(leader: int) -> None:
    """End what the process `leader` left behind when it ended, just now."""
    if sys.platform != "win32":
        import signal

        with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of one that has just ended
            os.killpg(leader, signal.SIGKILL)


async def _ended(processes: "list[psutil.Process]", limit_seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_seconds):
            while any(_runs(process) for process in processes):  # noqa: ASYNC110 they are not our children
                await asyncio.sleep(POLL_SECONDS)


def _runs(process: "psutil.Process") -> bool:
    import psutil

    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
