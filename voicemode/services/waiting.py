"""Waiting for a server to answer, or for its engine to load, until that succeeds or clearly fails."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from voicemode.config import Settings, env_name, find_setting
from voicemode.errors import Remedy, ServiceError
from voicemode.progress import Report, nobody
from voicemode.services.failure import explain, load_failure, look_into_log
from voicemode.services.health import Health, health_of
from voicemode.services.logs import last_words, log_path
from voicemode.services.port_owner import owner
from voicemode.services.service import Service
from voicemode.services.supervisors.supervisor import Supervisor

START_SECONDS = 60.0
"""Timeout for a server to answer: about 2 s after its start, long before its engine is loaded, but a machine can be busy."""
LOAD_SECONDS = 3600.0
"""Timeout for loading an engine: enough to download 150 MB of weights over a slow connection."""
POLL_SECONDS = 0.05
LOOK_SECONDS = 0.5
"""Interval between checks for the end of the server: each query of a supervisor takes a process."""

Reason = Callable[[], Awaitable[str]]
"""Returns the reason why the server has ended: `exit code 1`, `signal 9`; empty while it runs. May raise ServiceError."""


class Ending(Protocol):
    """A started process: of `subprocess` or of `asyncio.subprocess`."""

    @property
    def returncode(self) -> int | None: ...


async def answers(service: Service, settings: Settings) -> Health | None:
    """Return our server's health; None if its port is free. Raises ServiceError if another program has the port."""
    state = await health_of(service, settings)
    if state is None or state.service == service.health_name:
        return state
    port, name = service.port(settings), env_name(find_setting(service.port_setting))
    stranger = await asyncio.to_thread(owner, port) or "another program"
    raise ServiceError(
        f"Port {port} is taken by {stranger}, which is not VoiceMode's {service.title}.",
        hint=Remedy("End that program, or choose another port", f"voicemode config set {name} {port + 1}"),
    )


async def answering(service: Service, settings: Settings, ended: Reason, limit_seconds: float = START_SECONDS) -> None:
    """Return once the server answers; its engine can still be loading. Raises ServiceError with the cause if it fails."""
    loop = asyncio.get_running_loop()
    look_at = loop.time()
    try:
        async with asyncio.timeout(limit_seconds):
            while not await answers(service, settings):
                if loop.time() >= look_at:
                    if reason := await ended():
                        raise await not_started(service, settings, reason)
                    look_at = loop.time() + LOOK_SECONDS
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise ServiceError(
            f"{service.title} has not answered for {limit_seconds:g} s.",
            hint=Remedy("Why", f"voicemode service status {service.name}"),
        ) from error


async def not_started(service: Service, settings: Settings, reason: str) -> ServiceError:
    """Return the error for a server that has ended for `reason`."""
    noted, said = await asyncio.to_thread(
        lambda: (load_failure(service.name, settings), last_words(log_path(service.name, settings)))
    )
    failure = explain(service.name, noted, reason, said)
    return ServiceError(f"{service.title} does not start. {failure.cause}", hint=failure.remedy)


async def wait_ready(
    service: Service, settings: Settings, limit_seconds: float = LOAD_SECONDS, report: Report = nobody
) -> Health:
    """Wait until the server's engine is loaded; return its health. The server has to be running.

    Args:
        service: The server.
        settings: The settings it was started with.
        limit_seconds: Timeout; weights may have to be downloaded first.
        report: Receives the progress of loading repeatedly, if that takes long.

    Raises:
        ServiceError: The engine cannot be loaded, takes longer than `limit_seconds`, or the server is gone.
    """
    logs = look_into_log(service.name)
    try:
        async with asyncio.timeout(limit_seconds):
            while (state := await answers(service, settings)) and state.status == "loading":
                if state.progress:
                    report(state.progress)
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise ServiceError(
            f"{service.title} is still loading after {limit_seconds:g} s.", hint=Remedy("It goes on; its log", logs.command)
        ) from error
    if state is None:
        raise ServiceError(f"{service.title} is not running any more.", hint=logs)
    if state.status != "ready":
        raise ServiceError(f"{service.title} cannot load its engine: {state.error}", hint=state.remedy or logs)
    return state


def process_ended(process: Ending) -> Reason:
    """Return the Reason for a process that we started."""

    async def ended() -> str:
        match process.returncode:
            case None:
                return ""
            case code if code < 0:
                return f"signal {-code}"
            case code:
                return f"exit code {code}"

    return ended


def supervised_ended(supervisor: Supervisor, name: str) -> Reason:
    """Return the Reason for a service that `supervisor` keeps running."""

    async def ended() -> str:
        seen = await supervisor.look(name)
        if seen and seen.state in ("running", "starting"):
            return ""
        return (seen.reason if seen else "being forgotten by its supervisor") or "no reason given"

    return ended
