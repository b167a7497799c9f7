"""Resource use of a running process, and ending it."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicemode.errors import ServiceError
from voicemode.services.port_owner import Owner
from voicemode.services.service import Service

if TYPE_CHECKING:
    import psutil

SAMPLE_SECONDS = 0.1
"""Interval over which CPU use is measured."""

END_SECONDS = 15.0
"""Timeout for a server to end: its requests in flight can take 10 s to finish."""


@dataclass(frozen=True, slots=True)
class Vitals:
    uptime_seconds: float
    memory_bytes: int
    """Resident memory."""
    cpu_percent: float
    """Current CPU use, in percent of one processor."""


def vitals(pid: int, sample_seconds: float = SAMPLE_SECONDS) -> Vitals | None:
    """Return the resource use of process `pid`; None if it has ended or is not ours. Blocks for `sample_seconds`."""
    import psutil

    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        cpu = process.cpu_percent(sample_seconds)
        return Vitals(max(0.0, time.time() - process.create_time()), process.memory_info().rss, cpu)
    return None


async def end_server(service: Service, found: Owner) -> None:
    """End a server of ours after its requests in flight. Raises ServiceError if it does not end."""
    if not await asyncio.to_thread(end, service, found):
        raise ServiceError(f"{service.title} does not end.", hint=f"End it yourself: kill -9 {found.pid}")


def end(service: Service, owner: Owner, limit_seconds: float = END_SECONDS) -> bool:
    """Terminate a server of ours and wait for its end; False if it still runs. The caller has checked `is_ours`. Blocks."""
    import psutil

    try:
        process = psutil.Process(owner.pid)
        if tuple(process.cmdline()) != owner.command:
            return True  # it has ended, and its process id was reused
        _first(process, service).terminate()
        process.wait(limit_seconds)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def _first(process: "psutil.Process", service: Service) -> "psutil.Process":
    """Return the VoiceMode process that runs `process`, a third-party program, and can end it cleanly; else `process`."""
    parent = process.parent() if service.sign else None
    return parent if parent and {"voicemode", "serve", service.name} <= set(parent.cmdline()) else process
