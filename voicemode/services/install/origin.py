"""Origin of the running VoiceMode as an installer's requirement (PEP 610): a service gets the same VoiceMode."""

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from voicemode.config.installer import to_install
from voicemode.errors import ServiceError

NAME = "voicemode"
AGAIN = "Install VoiceMode again, and then the service."


@dataclass(frozen=True, slots=True)
class Origin:
    """Source from which a VoiceMode was installed."""

    version: str
    target: str
    """Requirement without the name: `==1.2.0`, or ` @ URL`."""
    content: str
    """Identifies the content to be installed: version, commit, or hash."""
    folder: bool = False
    """True if it is built from a folder; an installer must not take such a build from its cache."""

    def requirement(self, extra: str) -> str:
        """Return the requirement for an installer: voicemode[EXTRA]==1.2.0, or without brackets if `extra` is empty."""
        return f"{NAME}[{extra}]{self.target}" if extra else f"{NAME}{self.target}"

    def fingerprint(self, extra: str) -> str:
        """Return a hash that is equal for two environments exactly if they hold the same VoiceMode and extra."""
        return hashlib.sha256(f"{self.requirement(extra)} {self.content}".encode()).hexdigest()[:16]


def find_origin(installed: Distribution | None = None) -> Origin:
    """Return the origin of the running VoiceMode, or of `installed`.

    Raises ServiceError if VoiceMode is not installed, or its source is gone.
    """
    installed = installed or _running()
    note = installed.read_text("direct_url.json")
    if not note:
        return Origin(installed.version, f"=={installed.version}", installed.version)
    direct = json.loads(note)
    url, version = str(direct["url"]), installed.version
    if vcs := direct.get("vcs_info"):
        return Origin(version, f" @ {vcs['vcs']}+{url}@{vcs['commit_id']}{_subdirectory(direct)}", vcs["commit_id"])
    if urlsplit(url).scheme != "file":
        return Origin(version, f" @ {url}", str(direct.get("archive_info", {}).get("hashes", version)))
    path = Path(url2pathname(urlsplit(url).path))
    if not path.exists():
        raise ServiceError(f"VoiceMode {version} was installed from {path}, which is not there any more.", hint=AGAIN)
    target = f" @ {path.as_uri()}"
    return Origin(version, target, _content(path), folder=path.is_dir())


def _running() -> Distribution:
    try:
        return importlib.metadata.distribution(NAME)
    except importlib.metadata.PackageNotFoundError as error:
        raise ServiceError("VoiceMode runs from a folder and is not installed.", hint=to_install(NAME)) from error


def _subdirectory(direct: dict[str, Any]) -> str:
    return f"#subdirectory={direct['subdirectory']}" if direct.get("subdirectory") else ""


def _content(path: Path) -> str:
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    stamps = sorted((str(file.relative_to(path)), file.stat().st_size, file.stat().st_mtime_ns) for file in _sources(path))
    return hashlib.sha256(json.dumps(stamps).encode()).hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    """Yield the files that a wheel of `folder` is built from."""
    yield folder / "pyproject.toml"
    for path in (folder / NAME).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path
