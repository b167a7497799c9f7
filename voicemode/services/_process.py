"""Starting a local server: once for all VoiceMode processes of this user, and on its own feet from then on.

The server is not our child in spirit: it has a session of its own, outlives us, serves every client, and ends by
itself after its idle minutes.
"""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from voicemode.config import Settings, env_name, find_setting
from voicemode.config.environment import child_environment
from voicemode.errors import ServiceError
from voicemode.services._base import Service
from voicemode.services._health import STRANGER, Health, health

if TYPE_CHECKING:
    from filelock import FileLock

START_SECONDS = 30.0
"""A server answers about 2 s after its start, long before its engine is loaded."""

LOAD_SECONDS = 3600.0
"""Weights are 150 MB: long enough for a slow line."""
POLL_SECONDS = 0.05
LOG_BYTES = 1_000_000
"""A longer log is put aside as NAME.log.1 at the next start."""

TAIL_BYTES = 2000
TAIL_LINES = 5


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A service with its settings: what `OnDemand` needs to know of it."""

    service: Service
    settings: Settings

    @property
    def installed(self) -> bool:
        return self.service.installed

    async def start(self) -> None:
        await ensure_running(self.service, self.settings)

    async def wait_ready(self, tell: Callable[[str], None]) -> Health:
        return await wait_ready(self.service, self.settings, tell=tell)


async def ensure_running(service: Service, settings: Settings, *, limit_seconds: float = START_SECONDS) -> None:
    """Return once the server answers on its port; start it if nobody has.

    Its engine may still be loading: requests wait for it, and so does `wait_ready`.

    Raises:
        ServiceError: The engine is not installed, something else has the port, or the server did not come up.
    """
    if await _answers(service, settings):
        return
    if not service.installed:
        raise ServiceError(f"The engine of {service.title} is not installed.", hint="pip install 'voicemode[local]'")
    try:
        async with _alone(settings.state_dir / f"{service.name}.lock", service, limit_seconds):
            if not await _answers(service, settings):
                await _start(service, settings, limit_seconds)
    except OSError as error:
        raise ServiceError(
            f"{service.title} cannot be started: {error}.", hint=f"VoiceMode has to write in {settings.base_dir}."
        ) from error


async def wait_ready(
    service: Service, settings: Settings, limit_seconds: float = LOAD_SECONDS, tell: Callable[[str], None] = lambda _: None
) -> Health:
    """What the server says once its engine is loaded. It has to be running.

    Args:
        service: Which server.
        settings: As it was started with.
        limit_seconds: Patience; weights may have to be fetched first.
        tell: Called again and again with what it does meanwhile, if that takes long.

    Raises:
        ServiceError: The engine cannot be loaded, takes longer than `limit_seconds`, or the server is gone.
    """
    log = log_path(service, settings)
    try:
        async with asyncio.timeout(limit_seconds):
            while (state := await _answers(service, settings)) and state.status == "loading":
                tell(state.detail)
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise ServiceError(
            f"{service.title} is still loading after {limit_seconds:g} s.", hint=f"It goes on; see {log}."
        ) from error
    if state is None:
        raise ServiceError(f"{service.title} is not running any more.", hint=f"Its log: {log}")
    if state.status != "ready":
        raise ServiceError(f"{service.title} cannot load its engine: {state.error}", hint=f"Its log: {log}")
    return state


def log_path(service: Service, settings: Settings) -> Path:
    """Where the server writes what happens to it."""
    return settings.logs_dir / f"{service.name}.log"


async def _answers(service: Service, settings: Settings) -> Health | None:
    """What our server says; None if nothing has its port. Raises ServiceError if something else has."""
    state = await health(service.health_url(settings))
    if state is None or state.service == service.health_name:
        return state
    port, name = service.port(settings), env_name(find_setting(service.port_setting))
    raise ServiceError(
        f"Port {port} is taken by something that does not answer as VoiceMode's {service.title}.",
        hint=f"End that program, or choose another port: voicemode config set {name} {port + 1}",
    )


@asynccontextmanager
async def _alone(path: Path, service: Service, limit_seconds: float) -> AsyncIterator[None]:
    """Among all processes of this user only one is in here; the others wait."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        # Tried without blocking, from this thread: whoever is cancelled here cannot leave it locked.
        async with asyncio.timeout(2 * limit_seconds):
            while not _locked(lock):  # noqa: ASYNC110 another process holds it
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise ServiceError(
            f"Another VoiceMode process has been starting {service.title} for {2 * limit_seconds:g} s.",
            hint=f"It seems to hang. End the process that holds {path}.",
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


async def _start(service: Service, settings: Settings, limit_seconds: float) -> None:
    log = log_path(service, settings)
    with _open_log(log) as output:
        begin = output.tell()
        process = _spawn(service, settings, output)
    try:
        async with asyncio.timeout(limit_seconds):
            while (await health(service.health_url(settings)) or STRANGER).service != service.health_name:
                if process.poll() is not None and await _answers(service, settings) is None:
                    raise ServiceError(f"{service.title} ended at once: {_tail(log, begin)}", hint=f"Its log: {log}")
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        process.terminate()
        raise ServiceError(
            f"{service.title} did not answer within {limit_seconds:g} s: {_tail(log, begin)}", hint=f"Its log: {log}"
        ) from error


def _spawn(service: Service, settings: Settings, output: BinaryIO) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, *service.arguments(settings)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=child_environment(settings, service.settings),
        cwd=Path(sys.executable).anchor,  # so that it keeps no folder from being removed
        start_new_session=True,  # a Ctrl-C for us is not for it
        creationflags=_detached(),
    )
    # It may end while we live on: somebody has to take note, or it stays as a zombie.
    threading.Thread(target=process.wait, name=f"{service.name}-reaper", daemon=True).start()
    return process


def _detached() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return 0


def _open_log(path: Path) -> BinaryIO:
    """The log, for appending; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _tail(log: Path, begin: int) -> str:
    """The last lines since `begin`, as one."""
    with log.open("rb") as file:
        file.seek(max(begin, log.stat().st_size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return " | ".join(line.strip() for line in lines[-TAIL_LINES:] if line.strip()) or "it wrote nothing"
