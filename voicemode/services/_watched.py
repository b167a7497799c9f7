"""Services where neither systemd nor launchd keeps them: each has a watchman of its own (`_watchman`)."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from voicemode.errors import ServiceError
from voicemode.services._autostart import Autostart
from voicemode.services._watch import GRACE_SECONDS, KILL_SECONDS, Identity, Watch, WatchFolder, end_tree, unit_text
from voicemode.services.detached import open_log, spawn_detached
from voicemode.services.supervisors.supervisor import Supervised, Unit
from voicemode.services.supervisors.unit_files import checked, forget, place, prepare

STOP_SECONDS = GRACE_SECONDS + KILL_SECONDS + 3
START_SECONDS = STOP_SECONDS + 10
"""A watchman is there in 0.3 s, but a stray service has to end before."""
POLL_SECONDS = 0.05
KILLED = "its watchman was killed"


class Watchmen:
    """Our own supervisors."""

    name: Literal["systemd", "launchd", "voicemode"] = "voicemode"

    def __init__(self, services_dir: Path, autostart: Autostart, environ: Mapping[str, str]) -> None:
        """
        Args:
            services_dir: Each service has a folder there.
            autostart: What starts programs with the person's session.
            environ: What a watchman is started with.
        """
        self._services_dir = services_dir
        self._autostart = autostart
        self._environ = environ

    def files(self, unit: Unit) -> dict[Path, str]:
        folder = self._folder(unit.name)
        return {folder.unit_file: unit_text(unit)} | self._autostart.files(unit, watchman(unit, folder))

    async def register(self, unit: Unit) -> None:
        text = unit_text(checked(unit))
        try:
            await asyncio.to_thread(prepare, unit)
            await asyncio.to_thread(place, self._folder(unit.name).unit_file, text)
            if self._autostart.knows(unit.name):
                await self.enable(unit.name)
        except OSError as error:
            raise ServiceError(f"{unit.title} cannot be registered: {error}.", hint="Mend that, then try again.") from error

    async def unregister(self, name: str) -> None:
        await self.stop(name)
        await self.disable(name)
        for path in self._folder(name).all():
            await asyncio.to_thread(forget, path, self._services_dir.parent)

    async def start(self, name: str) -> None:
        folder = self._folder(name)
        if folder.stop.exists():
            await self.stop(name)
        before = folder.watch()
        if before.watchman.find():
            if before.state in ("running", "starting"):
                return
            await _ended(before.watchman)  # it has given up, and is about to go
        unit = await asyncio.to_thread(folder.unit)
        with await asyncio.to_thread(open_log, unit.log) as output:
            process = await asyncio.to_thread(
                spawn_detached, watchman(unit, folder), environ=self._environ, output=output, name=name
            )
        try:
            async with asyncio.timeout(START_SECONDS):
                while process.poll() is None and folder.watch().watchman == before.watchman:  # noqa: ASYNC110 it is on its own
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            process.kill()
            raise ServiceError(f"{unit.title} does not start.", hint=f"See {unit.log}") from error
        if process.returncode:
            raise ServiceError(f"{unit.title} cannot be watched over.", hint=f"See {unit.log}")

    async def stop(self, name: str) -> None:
        folder = self._folder(name)
        if watchman := folder.watch().watchman.find():
            await asyncio.to_thread(folder.stop.touch)
            if not await _ended(folder.watch().watchman):
                watchman.kill()
        if stray := folder.watch().service.find():
            await end_tree(stray)
        await asyncio.to_thread(folder.stop.unlink, missing_ok=True)

    async def restart(self, name: str) -> None:
        await self.stop(name)
        await self.start(name)

    async def enable(self, name: str) -> str:
        folder = self._folder(name)
        unit = await asyncio.to_thread(folder.unit)
        return await asyncio.to_thread(self._autostart.add, unit, watchman(unit, folder))

    async def disable(self, name: str) -> None:
        await asyncio.to_thread(self._autostart.remove, name)

    async def look(self, name: str) -> Supervised | None:
        folder = self._folder(name)
        if not folder.unit_file.exists():
            return None
        return understand(await asyncio.to_thread(folder.watch), enabled=self._autostart.knows(name))

    def _folder(self, name: str) -> WatchFolder:
        return WatchFolder(self._services_dir / name)


async def _ended(watchman: Identity) -> bool:
    """Wait until it has; False if it has not."""
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            while watchman.find():  # noqa: ASYNC110 it is not our child
                await asyncio.sleep(POLL_SECONDS)
            return True
    return False


def watchman(unit: Unit, folder: WatchFolder) -> tuple[str, ...]:
    """The command that watches over `unit`: with its own Python, which stays when the one we run in has gone."""
    own = unit.command[0] if Path(unit.command[0]).stem.startswith("python") else sys.executable
    return own, "-P", "-m", "voicemode.services._watchman", str(folder.path)


def understand(watch: Watch, *, enabled: bool) -> Supervised:
    """What a watchman wrote down, and whether it is still so."""
    service = watch.service.find()
    state, reason = watch.state, watch.reason
    if state in ("running", "starting") and not watch.watchman.find():
        state, reason = "failed", KILLED
    return Supervised(state=state, enabled=enabled, pid=service.pid if service else 0, restarts=watch.restarts, reason=reason)
