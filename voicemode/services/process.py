"""Starting a local server on demand: one for all VoiceMode processes of this user, detached from the one that starts it.

The server has its own session, outlives the process that started it, serves every client, and exits after its idle minutes.
"""

import asyncio
import logging
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicemode import __version__
from voicemode.config import Settings
from voicemode.config.child_environment import child_environment
from voicemode.config.files import private_folder
from voicemode.config.installer import to_install
from voicemode.errors import Remedy, ServiceError
from voicemode.progress import Report
from voicemode.services.detached import open_log, spawn_detached
from voicemode.services.failure import failure_file
from voicemode.services.health import Health
from voicemode.services.install.environment import python_of
from voicemode.services.install.record import load_record
from voicemode.services.logs import log_path
from voicemode.services.port_owner import Owner, began, is_ours, owner
from voicemode.services.service import Service
from voicemode.services.supervisors.supervisor import Supervised
from voicemode.services.vitals import end_server
from voicemode.services.waiting import POLL_SECONDS, answering, answers, process_ended, wait_ready

if TYPE_CHECKING:
    from filelock import FileLock

log = logging.getLogger(__name__)

START_SECONDS = 30.0
"""Timeout of an agent for the start of a server."""
ENDED = ("stopped", "failed")

Ask = Callable[[Service, Settings], Awaitable[Supervised | None]]


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A service with its settings, as `OnDemand` needs it."""

    service: Service
    settings: Settings

    @property
    def installed(self) -> bool:
        """True if it can be started, by us or by its supervisor."""
        record = load_record(self.service, self.settings)
        return record is not None or (self.settings.auto_start and self.service.installed)

    async def start(self) -> None:
        """Ensure that the server runs. Raises ServiceError, also if it is stopped and `auto_start` is off."""
        waits = not self.settings.auto_start and interpreter(self.service, self.settings)
        if waits and await answers(self.service, self.settings) is None:
            raise ServiceError(
                f"{self.service.title} is installed but stopped.",
                hint=Remedy(command=f"voicemode service start {self.service.name}"),
            )
        await ensure_running(self.service, self.settings)

    async def wait_ready(self, report: Report) -> Health:
        return await wait_ready(self.service, self.settings, report=report)


def interpreter(service: Service, settings: Settings) -> str:
    """Return the Python that can run `service`: that of its installed environment, else ours; empty if neither can."""
    record = load_record(service, settings)
    if record and (installed := python_of(record.environment)).exists():
        return str(installed)
    return sys.executable if service.installed else ""


async def ask_supervisor(service: Service, settings: Settings) -> Supervised | None:
    """Return the state of the service as its supervisor reports it; None if it is not installed, which costs one file read."""
    if load_record(service, settings) is None:
        return None
    from voicemode.services.supervisors.find import find_supervisor

    return await find_supervisor(settings).look(service.name)


async def ensure_running(
    service: Service, settings: Settings, *, limit_seconds: float = START_SECONDS, ask: Ask = ask_supervisor
) -> None:
    """Return once the server answers on its port; start it if it does not run and no supervisor keeps it running.

    Its engine can still be loading: requests wait for it, and so does `wait_ready`. An unfit server is replaced.

    Raises:
        ServiceError: The service is not installed, another program has its port, the server did not start, or it is
            installed as a service and was stopped.
    """
    try:
        state = await answers(service, settings)
        if state and not await asyncio.to_thread(unfit, service, settings, state):
            return
        if not state and await _comes_by_itself(service, settings, limit_seconds, ask):
            return
        python = await asyncio.to_thread(interpreter, service, settings)
        if not python:
            raise not_installed(service)
        async with starting(service, settings, limit_seconds):
            state = await answers(service, settings)
            old = await asyncio.to_thread(unfit, service, settings, state) if state else None
            if old:
                log.info("Replacing %s, %s.", old, service.title)
                await end_server(service, old)
            if old or not state:
                await _start(service, settings, python, limit_seconds)
    except OSError as error:
        raise ServiceError(
            f"{service.title} cannot be started: {error}.", hint=f"VoiceMode has to write in {settings.base_dir}."
        ) from error


def not_installed(service: Service) -> ServiceError:
    """Return the error for a server whose programs are missing."""
    if not service.on_demand:
        install = Remedy("Install it", f"voicemode service install {service.name}")
        return ServiceError(f"{service.title} is not installed.", hint=install)
    extra = service.extra if service.kind == "page" else "local"
    return ServiceError(f"The engine of {service.title} is not installed.", hint=to_install(extra=extra))


def unfit(service: Service, settings: Settings, state: Health) -> Owner | None:
    """Return the server that answers with `state` if it should be replaced; None if it is fit or supervised. Blocks.

    A server is unfit if its version is older, if its environment is gone, or if it failed and was started before this
    process: the cause of the failure may be gone.
    """
    record = load_record(service, settings)
    if (record and record.kept) or not interpreter(service, settings):
        return None
    found = owner(service.port(settings))
    if found is None or not is_ours(service, found, state):
        return None
    old = state.version and numbers(state.version) < numbers(record.version if record else __version__)
    gone = found.command and not Path(found.command[0]).exists()
    failed = state.status == "failed" and found.started < began()
    return found if old or gone or failed else None


def numbers(version: str) -> list[int]:
    """Return the numbers of a version, for comparisons."""
    return [int(number) for number in re.findall(r"\d+", version)]


@asynccontextmanager
async def starting(service: Service, settings: Settings, limit_seconds: float = START_SECONDS) -> AsyncIterator[None]:
    """Keep other processes of this user from starting `service`. Raises ServiceError if another one does for too long."""
    path = settings.state_dir / f"{service.name}.lock"
    async with alone(path, 2 * limit_seconds, f"Another VoiceMode process has been starting {service.title}"):
        yield


@asynccontextmanager
async def alone(path: Path, limit_seconds: float, busy: str) -> AsyncIterator[None]:
    """Hold the lock file at `path` among all processes of this user. Raises ServiceError with `busy` after the timeout."""
    from filelock import FileLock

    private_folder(path.parent)  # otherwise another user could hold the lock for ever
    lock = FileLock(path, mode=0o600)
    try:
        # Polled without blocking, in this thread: a cancelled caller cannot leave the lock held.
        async with asyncio.timeout(limit_seconds):
            while not _locked(lock):  # noqa: ASYNC110 another process holds it
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise ServiceError(
            f"{busy} for {limit_seconds:g} s.", hint=f"It seems to hang. End the process that holds {path}."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _locked(lock: "FileLock") -> bool:
    from filelock import Timeout

    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True


async def _comes_by_itself(service: Service, settings: Settings, limit_seconds: float, ask: Ask) -> bool:
    """Wait for a server that a supervisor keeps running; False if none does. Raises ServiceError if it does not start."""
    if await ask(service, settings) is None:
        return False

    async def ended() -> str:
        seen = await ask(service, settings)
        if seen and seen.state in ENDED:
            await _refuse_ended(service, settings, ask)
        return ""

    await answering(service, settings, ended, limit_seconds)
    return True


async def _refuse_ended(service: Service, settings: Settings, ask: Ask) -> None:
    """Raise ServiceError if the service has ended and its supervisor does not restart it."""
    async with starting(service, settings):  # held by a process that is restarting it
        seen = await ask(service, settings)
    if seen is None:
        return
    if seen.state == "stopped":
        raise ServiceError(
            f"{service.title} is installed as a service but stopped.",
            hint=Remedy(command=f"voicemode service start {service.name}"),
        )
    if seen.state == "failed":
        raise ServiceError(
            f"{service.title} is installed as a service but ends again and again.",
            hint=Remedy("Why", f"voicemode service status {service.name}"),
        )


async def _start(service: Service, settings: Settings, python: str, limit_seconds: float) -> None:
    command, environ = [python, *service.arguments(settings)], child_environment(settings, service.settings, python)
    failure_file(service.name, settings).unlink(missing_ok=True)
    with open_log(log_path(service.name, settings)) as output:
        process = spawn_detached(command, environ=environ, output=output, name=service.name)
    try:
        await answering(service, settings, process_ended(process), limit_seconds)
    except ServiceError:
        process.terminate()
        raise
