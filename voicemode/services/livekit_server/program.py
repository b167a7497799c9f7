"""LiveKit's own server as a program: one that is installed here, or the official release.

The release is downloaded over HTTPS and checked against the SHA-256 that the release itself publishes in checksums.txt. That
finds what was broken or mixed up on the way; that both come from LiveKit is what HTTPS vouches for.
"""

import asyncio
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from voicemode.config import Settings
from voicemode.errors import Remedy, ServiceError
from voicemode.progress import Report
from voicemode.services.install.environment import ALLOWED, python_of
from voicemode.services.livekit_server.config import ensure_keys
from voicemode.tasks import reporting_in_thread

NAME = "livekit-server.exe" if sys.platform == "win32" else "livekit-server"
PLACES = ("/opt/homebrew/bin", "/usr/local/bin", "/home/linuxbrew/.linuxbrew/bin", "~/.local/bin", "~/go/bin")
"""Homebrew's, and others that a desktop program often does not have on its PATH."""
OLDEST = (1, 8, 4)
"""The first that passes text streams on, to their ends."""
RELEASE = "1.11.0"
"""The one the tests run."""
RELEASES = "https://github.com/livekit/livekit/releases/download"
MACHINES: Mapping[str, str] = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "armv7l": "armv7"}
SYSTEMS: Mapping[str, str] = {"linux": "tar.gz", "win32": "zip"}
"""Those that LiveKit publishes a release for, and what it is packed as."""
VERSION = re.compile(r"version ((\d+)\.(\d+)\.(\d+)\S*)")
ASK_SECONDS = 20.0
INSTALL = "voicemode service install livekit"
BY_HAND = (
    Remedy("Install it yourself", "brew install livekit")
    if sys.platform == "darwin"
    else Remedy(f"Put {NAME} on the PATH; see https://docs.livekit.io.")
)


@dataclass(frozen=True, slots=True)
class ServerProgram:
    path: Path
    version: str
    """As it says it itself."""


@dataclass(frozen=True, slots=True)
class LiveKitProgram:
    """Implements Fitting: the program lies beside the environment's Python."""

    places: tuple[str, ...] = PLACES
    """Where it is looked for after the PATH."""
    releases: str = RELEASES
    archive: str = field(default_factory=lambda: archive_name(sys.platform, platform.machine()))
    """The release for this machine; empty if there is none."""

    def planned(self, settings: Settings) -> str:
        if found := self.find(settings):
            return f"use {found.path}, LiveKit {found.version}"
        return f"download LiveKit {RELEASE} from {self._url(settings)} and check its SHA-256"

    async def fit(self, settings: Settings, environment: Path, report: Report) -> str:
        done = await self._provide(settings, program_of(environment), report)
        # Not before: a key is how others see that there is a server here.
        await asyncio.to_thread(ensure_keys, settings)
        return done

    async def _provide(self, settings: Settings, target: Path, report: Report) -> str:
        """Have the program at `target`; what was done, in words. Raises ServiceError."""
        if found := await asyncio.to_thread(self.find, settings):
            await asyncio.to_thread(_take, found.path, target, settings)
            return f"use {found.path}, LiveKit {found.version}"
        from voicemode.services.livekit_server.release import fetch_release

        url = self._url(settings)
        await reporting_in_thread(partial(fetch_release, url, target, settings.cache_dir / "livekit"), report)
        version = (await asyncio.to_thread(ask_version, target)).version
        return f"downloaded LiveKit {version} from {url}; its SHA-256 is the one that the release publishes"

    def find(self, settings: Settings) -> ServerProgram | None:
        """The one installed on this machine, else the one downloaded before. Blocks. Raises ServiceError if it is too old."""
        path = next((path for path in self._candidates(settings) if os.access(path, os.X_OK) and path.is_file()), None)
        return ask_version(path) if path else None

    def _candidates(self, settings: Settings) -> Iterator[Path]:
        if on_path := shutil.which(NAME):
            yield Path(on_path).absolute()
        yield from (Path(place).expanduser() / NAME for place in self.places)
        yield from map(program_of, sorted(_environments(settings).glob("*")))

    def _url(self, settings: Settings) -> str:
        """Where the release is. Raises ServiceError if it cannot or may not be had."""
        if not self.archive:
            raise ServiceError(
                "LiveKit's server is not installed, and there is no release of it for this system.", hint=BY_HAND
            )
        if settings.offline or settings.local_only:
            raise ServiceError(
                "LiveKit's server is not installed, and VOICEMODE_OFFLINE or VOICEMODE_LOCAL_ONLY forbids to download it.",
                hint=Remedy("Allow it once", f"{ALLOWED} {INSTALL}"),
            )
        return f"{self.releases}/v{RELEASE}/{self.archive}"


def archive_name(system: str, machine: str) -> str:
    """Return the name of a system's release archive; empty if there is none. Pure."""
    packed, built = SYSTEMS.get(system), MACHINES.get(machine.lower())
    name = "windows" if system == "win32" else system
    return f"livekit_{RELEASE}_{name}_{built}.{packed}" if packed and built else ""


def program_of(environment: Path) -> Path:
    """The server in the environment of the service."""
    return python_of(environment).with_name(NAME)


def ask_version(path: Path) -> ServerProgram:
    """Which LiveKit that is. Blocks. Raises ServiceError if it is none, or too old."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=ASK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceError(f"{path} cannot be run: {error}.", hint=Remedy("Remove it, then", INSTALL)) from error
    found = VERSION.search(done.stdout)
    if not found:
        raise ServiceError(f"{path} does not say which LiveKit it is.", hint=Remedy("Remove it, then", INSTALL))
    version, *numbers = found.groups()
    if tuple(map(int, numbers)) < OLDEST:
        raise ServiceError(
            f"{path} is LiveKit {version}; VoiceMode needs {'.'.join(map(str, OLDEST))} or later.",
            hint=Remedy("Update it, or take it off the PATH; then", INSTALL),
        )
    return ServerProgram(path, version)


def _environments(settings: Settings) -> Path:
    return settings.services_dir / "livekit" / "environments"


def _take(source: Path, target: Path, settings: Settings) -> None:
    """Have `source` at `target`: a link follows its updates; what is in another of our environments goes with that one."""
    if not source.is_relative_to(_environments(settings)):
        with suppress(OSError):  # Windows lets few people make links
            target.symlink_to(source)
            return
    shutil.copy2(source, target)
