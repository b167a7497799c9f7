"""Which VoiceMode runs here, in the words of an installer: a service gets the same one (PEP 610)."""

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
    """Where a VoiceMode came from."""

    version: str
    target: str
    """Rest of a requirement after the name: `==1.2.0`, or ` @ URL`."""
    content: str
    """Changes whenever what would be installed does."""
    folder: bool = False
    """True if it is built from a folder, whose build an installer must not take from its cache."""

    def requirement(self, extra: str) -> str:
        """Return the requirement for an installer: voicemode[EXTRA]==1.2.0; without an `extra` VoiceMode alone."""
        return f"{NAME}[{extra}]{self.target}" if extra else f"{NAME}{self.target}"

    def fingerprint(self, extra: str) -> str:
        """Equal for two environments exactly if they hold the same VoiceMode with the same extra."""
        return hashlib.sha256(f"{self.requirement(extra)} {self.content}".encode()).hexdigest()[:16]


def find_origin(installed: Distribution | None = None) -> Origin:
    """Where the VoiceMode that runs here, or `installed`, came from.

    Raises ServiceError if it is not installed at all, or what it was installed from is gone.
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
    """Yield the files that a wheel of `folder` is made of."""
    yield folder / "pyproject.toml"
    for path in (folder / NAME).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path
