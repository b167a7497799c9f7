"""The program of LiveKit's server: one installed on this machine, or the official release.

The release is downloaded over HTTPS and checked against the SHA-256 that it publishes itself in checksums.txt. The checksum
detects a damaged or mixed-up download; HTTPS authenticates LiveKit as the source of both.
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
"""Homebrew's folders, and others that are often missing from the PATH of a desktop program."""
OLDEST = (1, 8, 4)
"""Oldest version supported: the first that forwards text streams with their ends."""
RELEASE = "1.11.0"
"""Version to download: the one the tests run."""
RELEASES = "https://github.com/livekit/livekit/releases/download"
MACHINES: Mapping[str, str] = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "armv7l": "armv7"}
SYSTEMS: Mapping[str, str] = {"linux": "tar.gz", "win32": "zip"}
"""Systems for which LiveKit publishes a release, and its archive format."""
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
    """Version, as the program reports it."""


@dataclass(frozen=True, slots=True)
class LiveKitProgram:
    """The Fitting that puts LiveKit's server beside the environment's Python."""

    places: tuple[str, ...] = PLACES
    """Folders searched after the PATH."""
    releases: str = RELEASES
    archive: str = field(default_factory=lambda: archive_name(sys.platform, platform.machine()))
    """File name of the release for this machine; empty if there is none."""

    def planned(self, settings: Settings) -> str:
        if found := self.find(settings):
            return f"use {found.path}, LiveKit {found.version}"
        return f"download LiveKit {RELEASE} from {self._url(settings)} and check its SHA-256"

    async def fit(self, settings: Settings, environment: Path, report: Report) -> str:
        done = await self._provide(settings, program_of(environment), report)
        # The key comes last: other code takes a key to mean that a server is installed here.
        await asyncio.to_thread(ensure_keys, settings)
        return done

    async def _provide(self, settings: Settings, target: Path, report: Report) -> str:
        """Link, copy or download the program to `target`; return a summary. Raises ServiceError."""
        if found := await asyncio.to_thread(self.find, settings):
            await asyncio.to_thread(_take, found.path, target, settings)
            return f"use {found.path}, LiveKit {found.version}"
        from voicemode.services.livekit_server.release import fetch_release

        url = self._url(settings)
        await reporting_in_thread(partial(fetch_release, url, target, settings.cache_dir / "livekit"), report)
        version = (await asyncio.to_thread(ask_version, target)).version
        return f"downloaded LiveKit {version} from {url}; its SHA-256 is the one that the release publishes"

    def find(self, settings: Settings) -> ServerProgram | None:
        """Return the program installed on this machine, else one downloaded before. Blocks. Raises ServiceError if too old."""
        path = next((path for path in self._candidates(settings) if os.access(path, os.X_OK) and path.is_file()), None)
        return ask_version(path) if path else None

    def _candidates(self, settings: Settings) -> Iterator[Path]:
        if on_path := shutil.which(NAME):
            yield Path(on_path).absolute()
        yield from (Path(place).expanduser() / NAME for place in self.places)
        yield from map(program_of, sorted(_environments(settings).glob("*")))

    def _url(self, settings: Settings) -> str:
        """Return the URL of the release. Raises ServiceError if there is none, or the settings forbid a download."""
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
    """Return the file name of the release for a system and machine; empty if there is none. Pure."""
    packed, built = SYSTEMS.get(system), MACHINES.get(machine.lower())
    name = "windows" if system == "win32" else system
    return f"livekit_{RELEASE}_{name}_{built}.{packed}" if packed and built else ""


def program_of(environment: Path) -> Path:
    """Return the path of the server in the environment of the service."""
    return python_of(environment).with_name(NAME)


def ask_version(path: Path) -> ServerProgram:
    """Return the program at `path` with its version. Blocks. Raises ServiceError if it is not LiveKit, or too old."""
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
    """Link `source` to `target`, which follows updates; copy it out of our other environments, which are removed."""
    if not source.is_relative_to(_environments(settings)):
        with suppress(OSError):  # on Windows few users have the right to create links
            target.symlink_to(source)
            return
    shutil.copy2(source, target)
