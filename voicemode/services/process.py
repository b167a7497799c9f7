"""Starting a local server: once for all VoiceMode processes of this user, and on its own feet from then on.

The server is not our child in spirit: it has a session of its own, outlives us, serves every client, and ends by
itself after its idle minutes.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicemode.config import Settings, env_name, find_setting
from voicemode.config.child_environment import child_environment
from voicemode.config.installer import to_install
from voicemode.errors import Remedy, ServiceError
from voicemode.progress import Report, nobody
from voicemode.services.detached import open_log, spawn_detached, tail_since
from voicemode.services.health import STRANGER, Health, health_of
from voicemode.services.install.record import load_record
from voicemode.services.port_owner import owner
from voicemode.services.service import Service
from voicemode.services.supervisors.supervisor import Supervised

if TYPE_CHECKING:
    from filelock import FileLock

START_SECONDS = 30.0
"""A server answers about 2 s after its start, long before its engine is loaded."""

LOAD_SECONDS = 3600.0
"""Weights are 150 MB: long enough for a slow line."""
POLL_SECONDS = 0.05
ASK_SECONDS = 0.5
"""Between two questions to a supervisor, each of which starts a process."""

ENDED = ("stopped", "failed")

Ask = Callable[[Service, Settings], Awaitable[Supervised | None]]


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A service with its settings: what `OnDemand` needs to know of it."""

    service: Service
    settings: Settings

    @property
    def installed(self) -> bool:
        """True if it could be started: by us, or by whoever keeps it running."""
        return self._registered or (self.settings.auto_start and self.service.installed)

    @property
    def _registered(self) -> bool:
        return load_record(self.service, self.settings) is not None

    @property
    def _known(self) -> bool:
        return self.service.installed or self._registered

    async def start(self) -> None:
        """Raises ServiceError, also where it is stopped and nobody wants us to start it."""
        if not self.settings.auto_start and self._known and await _answers(self.service, self.settings) is None:
            raise ServiceError(
                f"{self.service.title} is installed but stopped.",
                hint=Remedy(command=f"voicemode service start {self.service.name}"),
            )
        await ensure_running(self.service, self.settings)

    async def wait_ready(self, report: Report) -> Health:
        return await wait_ready(self.service, self.settings, report=report)


async def ask_supervisor(service: Service, settings: Settings) -> Supervised | None:
    """Ask the supervisor for the state of the service; None if there is none, which costs a look at a file."""
    if load_record(service, settings) is None:
        return None
    from voicemode.services.supervisors.find import find_supervisor

    return await find_supervisor(settings).look(service.name)


async def ensure_running(
    service: Service, settings: Settings, *, limit_seconds: float = START_SECONDS, ask: Ask = ask_supervisor
) -> None:
    """Return once the server answers on its port; start it if nobody has, and nobody else is to.

    Its engine may still be loading: requests wait for it, and so does `wait_ready`.

    Raises:
        ServiceError: The engine is not installed, something else has the port, the server did not come up, or it is
            installed as a service and somebody has stopped it.
    """
    try:
        if await _answers(service, settings) or await _comes_by_itself(service, settings, limit_seconds, ask):
            return
        if not service.on_demand:
            raise ServiceError(
                f"{service.title} is not installed.", hint=Remedy(command=f"voicemode service install {service.name}")
            )
        if not service.installed:
            raise ServiceError(
                f"The engine of {service.title} is not installed.",
                hint=to_install(extra=service.extra if service.kind == "page" else "local"),
            )
        async with starting(service, settings, limit_seconds):
            if not await _answers(service, settings):
                await _start(service, settings, limit_seconds)
    except OSError as error:
        raise ServiceError(
            f"{service.title} cannot be started: {error}.", hint=f"VoiceMode has to write in {settings.base_dir}."
        ) from error


async def wait_ready(
    service: Service, settings: Settings, limit_seconds: float = LOAD_SECONDS, report: Report = nobody
) -> Health:
    """Wait until the server's engine is loaded; return its health. The server has to be running.

    Args:
        service: Which server.
        settings: As it was started with.
        limit_seconds: Patience; weights may have to be fetched first.
        report: Told again and again what it does meanwhile, if that takes long.

    Raises:
        ServiceError: The engine cannot be loaded, takes longer than `limit_seconds`, or the server is gone.
    """
    log = log_path(service, settings)
    try:
        async with asyncio.timeout(limit_seconds):
            while (state := await _answers(service, settings)) and state.status == "loading":
                if state.progress:
                    report(state.progress)
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise ServiceError(
            f"{service.title} is still loading after {limit_seconds:g} s.", hint=f"It goes on; see {log}."
        ) from error
    if state is None:
        raise ServiceError(f"{service.title} is not running any more.", hint=f"Its log: {log}")
    if state.status != "ready":
        raise ServiceError(f"{service.title} cannot load its engine: {state.error}", hint=state.remedy or f"Its log: {log}")
    return state


def log_path(service: Service, settings: Settings) -> Path:
    """Where the server writes what happens to it."""
    return settings.logs_dir / f"{service.name}.log"


async def _answers(service: Service, settings: Settings) -> Health | None:
    """Return our server's health; None if nothing has its port. Raises ServiceError if something else has."""
    state = await health_of(service, settings)
    if state is None or state.service == service.health_name:
        return state
    port, name = service.port(settings), env_name(find_setting(service.port_setting))
    stranger = await asyncio.to_thread(owner, port) or "another program"
    raise ServiceError(
        f"Port {port} is taken by {stranger}, which is not VoiceMode's {service.title}.",
        hint=Remedy("End that program, or choose another port", f"voicemode config set {name} {port + 1}"),
    )


@asynccontextmanager
async def starting(service: Service, settings: Settings, limit_seconds: float = START_SECONDS) -> AsyncIterator[None]:
    """While in here, nobody else of this user starts `service`. Raises ServiceError if somebody has for too long."""
    path = settings.state_dir / f"{service.name}.lock"
    async with alone(path, 2 * limit_seconds, f"Another VoiceMode process has been starting {service.title}"):
        yield


@asynccontextmanager
async def alone(path: Path, limit_seconds: float, busy: str) -> AsyncIterator[None]:
    """Among all processes of this user only one is in here; the others wait, and then say who is `busy`."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        # Tried without blocking, from this thread: whoever is cancelled here cannot leave it locked.
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
    """Wait for a server that a supervisor keeps running; False if none does. Raises ServiceError if it will not come."""
    try:
        async with asyncio.timeout(limit_seconds):
            while seen := await ask(service, settings):
                if seen.state in ENDED:
                    await _refuse_ended(service, settings, ask)
                if await _answers_soon(service, settings):
                    return True
    except TimeoutError as error:
        raise ServiceError(
            f"{service.title} is installed as a service, but has not answered for {limit_seconds:g} s.",
            hint=Remedy("Why", f"voicemode service status {service.name}"),
        ) from error
    return False


async def _answers_soon(service: Service, settings: Settings) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(ASK_SECONDS):
            while not await _answers(service, settings):  # noqa: ASYNC110 another process has to come up
                await asyncio.sleep(POLL_SECONDS)
            return True
    return False


async def _refuse_ended(service: Service, settings: Settings, ask: Ask) -> None:
    """Raise ServiceError if it has ended and stays so."""
    async with starting(service, settings):  # whoever restarts it is in there meanwhile
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


async def _start(service: Service, settings: Settings, limit_seconds: float) -> None:
    log = log_path(service, settings)
    command, environ = [sys.executable, *service.arguments(settings)], child_environment(settings, service.settings)
    with open_log(log) as output:
        begin = output.tell()
        process = spawn_detached(command, environ=environ, output=output, name=service.name)
    try:
        async with asyncio.timeout(limit_seconds):
            while (await health_of(service, settings) or STRANGER).service != service.health_name:
                if process.poll() is not None and await _answers(service, settings) is None:
                    raise ServiceError(f"{service.title} ended at once: {tail_since(log, begin)}", hint=f"Its log: {log}")
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        process.terminate()
        raise ServiceError(
            f"{service.title} did not answer within {limit_seconds:g} s: {tail_since(log, begin)}", hint=f"Its log: {log}"
        ) from error
