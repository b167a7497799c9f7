"""The isolated environments of a service: each in a folder of its own, built beside the one in use.

A folder counts once its marker is written, which is the last thing done to it. What has none was interrupted, and is
removed by the next build, with whatever still works on it. Python environments cannot be moved, so none is: who runs a
service names the folder.
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
"""What an environment is called."""
MARKER = "voicemode-complete"
ALLOWED = "VOICEMODE_OFFLINE=false VOICEMODE_LOCAL_ONLY=false"
"""Written before a command, allows the network once."""
FULL_BYTES = 20_000_000
"""A disk with less is full: not every installer says so."""
PLACES = ("~/.local/bin", "~/.cargo/bin")
"""Where uv's own installer puts it: a desktop program often has neither on its PATH."""

Command = tuple[str, ...]
Tell = Callable[[str], None]
"""Takes a line of an installer's output."""
Finish = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Recipe of an environment."""

    requirement: str
    """voicemode[whisper]==1.2.0"""
    fingerprint: str
    """Equal for two environments exactly if they hold the same."""
    uv: str = ""
    """Path of uv; empty is venv and pip."""
    offline: bool = False
    rebuilt: bool = False
    """True if VoiceMode is built anew, whatever a cache holds."""

    def commands(self, folder: Path) -> tuple[Command, Command]:
        """Return the commands that make the environment in `folder`. Bytecode comes with it: a service cannot write there."""
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
        """The complete one that holds what `fingerprint` stands for."""
        return next((folder for folder in self._folders() if _marked(folder) == fingerprint and _works(folder)), None)

    def new(self, fingerprint: str) -> Path:
        """Where the next one is built; nothing is there."""
        return self.root / f"{fingerprint}-{secrets.token_hex(2)}"

    async def build(self, recipe: Recipe, folder: Path, tell: Tell, finish: Finish | None = None) -> None:
        """Make the environment of `recipe` in `folder`, and `finish` it. Raises ServiceError; then nothing of it is left."""
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
        """Remove what was interrupted."""
        for folder in self._folders():
            if not _marked(folder):
                await asyncio.to_thread(_end_users, folder)
                await asyncio.to_thread(_remove, folder)

    async def discard(self, folder: Path) -> None:
        """Remove one that has turned out to be no good."""
        await asyncio.to_thread(_remove, folder)

    async def keep_only(self, folder: Path) -> None:
        """Remove all others. One that is still used, where the system holds on to it, goes the next time."""
        for other in self._folders():
            if other != folder:
                await asyncio.to_thread(_remove, other)

    def others(self, folder: Path) -> list[Path]:
        """Those that `keep_only` would remove."""
        return [other for other in self._folders() if other != folder]

    def _folders(self) -> list[Path]:
        """Those that `build` has made; whatever else is in there is not ours."""
        there = self.root.iterdir() if self.root.is_dir() else ()
        return sorted(path for path in there if BUILT.fullmatch(path.name) and path.is_dir() and not path.is_symlink())


def python_of(folder: Path) -> Path:
    """The interpreter of the environment in `folder`."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def find_uv(installer: Literal["auto", "uv", "pip"]) -> str:
    """Path of uv; empty is to use venv and pip. Raises ServiceError if uv is wanted and not there."""
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
    """`tell`, without uv's list of everything it installed."""

    def told(line: str) -> None:
        if not line.startswith("+ "):
            tell(line)

    return told


def _marked(folder: Path) -> str:
    with suppress(OSError):
        return (folder / MARKER).read_text()
    return ""


def _works(folder: Path) -> bool:
    """True if the Python it was made with is still there."""
    return python_of(folder).exists()


def _remove(folder: Path) -> None:
    # First what says that it is complete: a removal may be interrupted, too.
    (folder / MARKER).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _end_users(folder: Path) -> None:
    """End what an installation that was killed left behind: its installer goes on writing there."""
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
    """True if a full disk speaks from what was said."""
    return any(words in said for words in ("No space left", "os error 28", "not enough space", "Disk quota exceeded"))
