"""Downloading, checking and unpacking the official release of LiveKit's server. Imported on demand. All of it blocks."""

import hashlib
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO

from voicemode.errors import ServiceError, WeightsError
from voicemode.models.download import download, remote_bytes
from voicemode.progress import Progress, ProgressCounter, Report, nobody

CHECKSUMS = "checksums.txt"
LARGEST_BYTES = 200_000_000
CHECKSUMS_BYTES = 100_000


def fetch_release(url: str, target: Path, folder: Path, report: Report = nobody) -> None:
    """Download the archive at `url`, check it against the checksums.txt beside it, and unpack its program to `target`.

    Args:
        url: URL of the archive.
        target: Path of the unpacked program.
        folder: Folder for partial downloads, so that an interrupted download resumes.
        report: Receives the progress of the download.

    Raises:
        ServiceError: The release cannot be downloaded, or its SHA-256 is not the published one.
        OSError: A file cannot be written.
    """
    base, _, name = url.rpartition("/")
    folder.mkdir(parents=True, exist_ok=True)
    archive, sums = folder / name, folder / CHECKSUMS
    try:
        sums.unlink(missing_ok=True)
        _download(f"{base}/{CHECKSUMS}", sums, CHECKSUMS_BYTES, report)
        wanted = published(sums.read_text(encoding="utf-8", errors="replace"), name)
        _download(url, archive, LARGEST_BYTES, report)
        _check(archive, wanted, url)
        _unpack(archive, target)
    except WeightsError as error:
        hint = "Try again; it goes on where it was. Or install LiveKit's server yourself: https://docs.livekit.io/home/self-hosting"
        raise ServiceError(f"LiveKit's server cannot be downloaded from {base}: {error.message}", hint=hint) from error
    sums.unlink()
    archive.unlink()
    with suppress(OSError):
        folder.rmdir()


def published(sums: str, name: str) -> str:
    """Return the SHA-256 of `name` from the text of a checksums.txt. Pure. Raises WeightsError if it is missing."""
    found = re.search(rf"^([0-9a-f]{{64}})\s+\*?{re.escape(name)}$", sums, re.MULTILINE | re.IGNORECASE)
    if not found:
        raise WeightsError(f"its {CHECKSUMS} does not name {name}.")
    return found[1].lower()


def _download(url: str, to: Path, limit_bytes: int, report: Report) -> None:
    size = remote_bytes(url)
    if size > limit_bytes:
        raise WeightsError(f"{url.rpartition('/')[2]} is larger than it can be.")
    download(url, to, size, ProgressCounter(Progress("downloading", url, total=size), report).advance)


def _check(archive: Path, wanted: str, url: str) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        archive.unlink()
        raise ServiceError(
            f"{url} is not what LiveKit published: its SHA-256 is {found}, and not {wanted}. It was removed.",
            hint="Try again. If it happens again, somebody on the way changes it: install LiveKit's server yourself.",
        )


def _unpack(archive: Path, target: Path) -> None:
    """Unpack the one program in `archive`; no other member is written, whatever its name. Raises WeightsError."""
    with _program(archive, target.name) as inside, target.open("wb") as file:
        shutil.copyfileobj(inside, file)
    target.chmod(0o755)


@contextmanager
def _program(archive: Path, name: str) -> Iterator[IO[bytes]]:
    try:
        with zipfile.ZipFile(archive) if archive.suffix == ".zip" else tarfile.open(archive) as packed:
            yield packed.open(name) if isinstance(packed, zipfile.ZipFile) else packed.extractfile(name) or BytesIO()
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise WeightsError(f"there is no {name} in {archive.name}.") from error
