"""Watching a service come up; and trying one out on a spare port, so that the one in use is not disturbed."""

import asyncio
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from voicemode.config import Settings, env_name, find_setting
from voicemode.config.child_environment import installer_environment
from voicemode.errors import ServiceError
from voicemode.services.command import end, spawn
from voicemode.services.health import STRANGER, health_of
from voicemode.services.install.proof import prove
from voicemode.services.logs import explain, tail
from voicemode.services.process import POLL_SECONDS, log_path, wait_ready
from voicemode.services.service import HOST, Service
from voicemode.services.supervisors.unit import unit_for

START_SECONDS = 60.0
"""A server answers about 2 s after its start; a machine may be busy with what was just installed."""
LOG_LINES = 40
ALONE_MINUTES = "2"
"""A server on trial ends by itself after so long: whoever tries it out may have been killed."""

Reason = Callable[[], Awaitable[str]]
"""Why the service has ended; empty while it may still come up."""


async def answering(service: Service, settings: Settings, ended: Reason, limit_seconds: float = START_SECONDS) -> None:
    """Return once the server answers; its engine may still be loading. Raises ServiceError with what its log says."""
    try:
        async with asyncio.timeout(limit_seconds):
            while (await health_of(service, settings) or STRANGER).service != service.health_name:
                if reason := await ended():
                    raise await _not_started(service, settings, reason)
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise await _not_started(service, settings, f"no answer within {limit_seconds:g} s") from error


async def _not_started(service: Service, settings: Settings, reason: str) -> ServiceError:
    lines = await asyncio.to_thread(tail, log_path(service, settings), LOG_LINES)
    port = env_name(find_setting(service.port_setting))
    ending = explain(lines, reason, name=service.name, port=port)
    return ServiceError(f"{service.title} does not start. {ending.cause}", hint=ending.remedy)


async def tried_out(service: Service, settings: Settings, python: Path, scratch: Path) -> str:
    """Run `service` from `python` beside the one in use, and have it work; what it did, in words.

    Args:
        service: What is tried out.
        settings: As it will have them.
        python: The interpreter of its new environment.
        scratch: A folder of this trial's own.

    Raises:
        ServiceError: It does not start or does not do its work.
    """
    other: dict[str, Any] = {service.port_setting: free_port(), "base_dir": scratch, "models_dir": settings.models_path}
    beside = replace(settings, **other)
    unit = unit_for(service, beside, python, weights=())
    unit.log.parent.mkdir(parents=True, exist_ok=True)
    process = await spawn(
        (*unit.command, "--idle-minutes", ALONE_MINUTES),
        {**installer_environment(), **unit.environment},
        scratch,
        output=DEVNULL,
    )
    try:
        await answering(service, beside, lambda: _ended(process))
        await wait_ready(service, beside)
        return await prove(service, beside)
    finally:
        await end(process)


async def _ended(process: Process) -> str:
    match process.returncode:
        case None:
            return ""
        case code if code < 0:
            return f"signal {-code}"
        case code:
            return f"exit code {code}"


def free_port(after: int = 0) -> int:
    """A port of this machine that nobody listens on: the first above `after`, or any."""
    for port in range(after + 1, after + 50) if after else [0]:
        with socket.socket() as candidate:
            try:
                candidate.bind((HOST, port))
            except (OSError, OverflowError):
                continue
            return int(candidate.getsockname()[1])
    return free_port()
