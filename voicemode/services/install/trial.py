"""Trying a service out on a spare port without disturbing the one in use."""

import socket
from asyncio.subprocess import DEVNULL
from dataclasses import replace
from pathlib import Path
from typing import Any

from voicemode.config import Settings
from voicemode.config.child_environment import installer_environment
from voicemode.services.command import end, spawn
from voicemode.services.install.proof import prove
from voicemode.services.service import HOST, Service
from voicemode.services.supervisors.unit import unit_for
from voicemode.services.waiting import answering, process_ended, wait_ready

ALONE_MINUTES = "2"
"""Idle minutes after which a server on trial ends by itself, in case the installation was killed."""


async def tried_out(service: Service, settings: Settings, python: Path, scratch: Path) -> str:
    """Run `service` with `python` beside the one in use, and prove that it works; return a summary.

    Args:
        service: The service to try out.
        settings: The settings it will have.
        python: The interpreter of its new environment.
        scratch: A folder for this trial only.

    Raises:
        ServiceError: The service does not start or does not work.
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
        await answering(service, beside, process_ended(process))
        await wait_ready(service, beside)
        return await prove(service, beside)
    finally:
        await end(process)


def free_port(after: int = 0) -> int:
    """Return a free port of this machine: the first of the 49 above `after`, or any."""
    for port in range(after + 1, after + 50) if after else [0]:
        with socket.socket() as candidate:
            try:
                candidate.bind((HOST, port))
            except (OSError, OverflowError):
                continue
            return int(candidate.getsockname()[1])
    return free_port()
