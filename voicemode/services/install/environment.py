"""The isolated environments of a service, each in its own folder, built beside the one in use.

An environment is complete once its marker is written, the last step of a build. A folder without a marker was interrupted:
the next build removes it, after killing any process that still writes there. Python environments cannot be moved, so a
service runs from the folder in which its environment was built.
"""

import asyncio
import re
import secrets
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voicemode.config.child_environment import installer_environment, uv_that_started_us
from voicemode.errors import Remedy, ServiceError
from voicemode.services.command import CommandError, run

BUILT = re.compile("[0-9a-f]{16}-[0-9a-f]{4}")
"""Pattern of the folder names: fingerprint and random suffix."""
MARKER = "voicemode-complete"
ALLOWED = "VOICEMODE_OFFLINE=false VOICEMODE_LOCAL_ONLY=false"
"""Prefix of a command that allows network access once."""
FULL_BYTES = 20_000_000
"""Free space, in bytes, below which a disk counts as full: not every installer reports a full disk."""
PLACES = ("~/.local/bin", "~/.cargo/bin")
"""Folders in which uv's own installer puts it, often missing from the PATH of a desktop program."""

Command = tuple[str, ...]
Tell = Callable[[str], None]
"""Receives a line of an installer's output."""
Finish = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything needed to build an environment."""

    requirement: str
    """Requirement for the installer, such as voicemode[whisper]==1.2.0."""
    fingerprint: str
    """Hash that is equal for two environments exactly if their contents are."""
    uv: str = ""
    """Path of uv; empty to use venv and pip."""
    offline: bool = False
    rebuilt: bool = False
    """True if VoiceMode is rebuilt regardless of the installer's cache."""

    def commands(self, folder: Path) -> tuple[Command, Command]:
        """Return the commands that build the environment in `folder`, bytecode included: a service cannot write there."""
        python = str(python_of(folder))
        if not self.uv:
            index = ("--no-index",) if self.offline else ()
            pip = (python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off")
            return (sys.executable, "-m", "venv", str(folder)), (*pip, *index, self.requirement)
        cache = ("--offline",) if self.offline else ()
        fresh = ("--refresh-package", "voicemode") if self.rebuilt and not self.offline else ()
        make = (self.uv, "venv", "--python", sys.executable, *cache, str(folder))
        return make, (self.uv, "pip", "install", "--python", python, "--compile-bytecode", *cache, *fresh, self.requirement)


@dataclass(frozen=True, slots=True)
class Environments:
    """The environments of one service."""

    root: Path

    def find(self, fingerprint: str) -> Path | None:
        """Return the complete environment with `fingerprint`; None if there is none."""
        return next((folder for folder in self._folders() if _marked(folder) == fingerprint and _works(folder)), None)

    def new(self, fingerprint: str) -> Path:
        """Return an unused folder for a new environment."""
        return self.root / f"{fingerprint}-{secrets.token_hex(2)}"

    async def build(self, recipe: Recipe, folder: Path, tell: Tell, finish: Finish | None = None) -> None:
        """Build the environment of `recipe` in `folder`, and call `finish`. Raises ServiceError, leaving nothing behind."""
        await self.sweep()
        try:
            await asyncio.to_thread(folder.mkdir, parents=True)
            for command in recipe.commands(folder):
                await run(command, environ=installer_environment(), cwd=self.root, tell=_tersely(tell))
            if finish:
                await finish()
            (folder / MARKER).write_text(recipe.fingerprint)
        except (CommandError, OSError) as error:
            raise _explained(error, recipe, self.root) from error
        finally:
            if not _marked(folder):
                await asyncio.to_thread(_remove, folder)

    async def sweep(self) -> None:
        """Remove the environments of interrupted builds."""
        for folder in self._folders():
            if not _marked(folder):
                await asyncio.to_thread(_end_users, folder)
                await asyncio.to_thread(_remove, folder)

    async def discard(self, folder: Path) -> None:
        """Remove an environment that does not work."""
        await asyncio.to_thread(_remove, folder)

    async def keep_only(self, folder: Path) -> None:
        """Remove all environments but `folder`. Where the system locks files in use, the rest goes with a later call."""
        for other in self._folders():
            if other != folder:
                await asyncio.to_thread(_remove, other)

    def others(self, folder: Path) -> list[Path]:
        """Return the environments that `keep_only` would remove."""
        return [other for other in self._folders() if other != folder]

    def _folders(self) -> list[Path]:
        """Return the folders that `build` has made; anything else in the root is not ours."""
        there = self.root.iterdir() if self.root.is_dir() else ()
        return sorted(path for path in there if BUILT.fullmatch(path.name) and path.is_dir() and not path.is_symlink())


def python_of(folder: Path) -> Path:
    """Return the interpreter of the environment in `folder`."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def find_uv(installer: Literal["auto", "uv", "pip"]) -> str:
    """Return the path of uv; empty to use venv and pip. Raises ServiceError if `installer` is uv and uv is missing."""
    if installer == "pip":
        return ""
    found = next((path for path in _uvs() if path and Path(path).is_file()), "")
    if installer == "uv" and not found:
        raise ServiceError("uv is not installed.", hint="See https://docs.astral.sh/uv, or use venv and pip.")
    return found


def _uvs() -> Iterator[str]:
    name = "uv.exe" if sys.platform == "win32" else "uv"
    yield uv_that_started_us()
    yield shutil.which("uv") or ""
    yield str(Path(sys.executable).with_name(name))
    yield from (str(Path(place).expanduser() / name) for place in PLACES)


def _tersely(tell: Tell) -> Tell:
    """Return `tell` without uv's list of installed packages."""

    def told(line: str) -> None:
        if not line.startswith("+ "):
            tell(line)

    return told


def _marked(folder: Path) -> str:
    with suppress(OSError):
        return (folder / MARKER).read_text()
    return ""


def _works(folder: Path) -> bool:
    """True if the Python that the environment was made with still exists."""
    return python_of(folder).exists()


def _remove(folder: Path) -> None:
    # The marker goes first: a removal can be interrupted, too.
    (folder / MARKER).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _end_users(folder: Path) -> None:
    """Kill the installer that a killed installation left behind: it goes on writing in `folder`."""
    import psutil

    prefix = str(folder)
    users = [p for p in psutil.process_iter(["cmdline"]) if any(prefix in part for part in p.info["cmdline"] or ())]
    for process in users:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(users, timeout=5)


def _explained(error: CommandError | OSError, recipe: Recipe, root: Path) -> ServiceError:
    said = error.output if isinstance(error, CommandError) else str(error)
    if no_space(said) or shutil.disk_usage(root).free < FULL_BYTES:
        return ServiceError(f"There is no space left in {root}.", hint="Free about 1 GB there, then try again.")
    if recipe.offline:
        return ServiceError(
            f"{recipe.requirement} cannot be installed without the network, which VOICEMODE_OFFLINE or VOICEMODE_LOCAL_ONLY "
            f"forbids: {said}",
            hint=Remedy(
                "Allow it once",
                f"{ALLOWED} voicemode service install {root.parent.name}",
            ),
        )
    if not recipe.uv and "ensurepip" in said:
        return ServiceError(f"Python's own venv is incomplete: {said}", hint="Install python3-venv, or uv.")
    return ServiceError(f"The environment cannot be made: {said}", hint="Mend that, then try again; it goes on where it was.")


def no_space(said: str) -> bool:
    """True if the output `said` reports a full disk."""
    return any(words in said for words in ("No space left", "os error 28", "not enough space", "Disk quota exceeded"))
