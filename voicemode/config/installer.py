"""The installer of this program, and its commands for a person to run."""

import json
import re
import shlex
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from voicemode.errors import Remedy

NAME = "voicemode"
EXTRA = re.compile(r"""extra == ["'](\w+)["']""")
PACKAGE = re.compile(r"[\w.-]+")
NOT_KEPT = ("dev", "local")
"""Extras that need not be kept; `local` only names other extras, which are found by themselves."""
InstallerKind = Literal["uvx", "uv tool", "pipx", "uv", "pip"]


@dataclass(frozen=True, slots=True)
class Installer:
    """The way this VoiceMode was installed."""

    kind: InstallerKind
    python: str
    """Path of its Python interpreter."""
    folder: str = ""
    """Path of the clone it runs from; empty if it was installed as a package."""
    extras: frozenset[str] = frozenset()
    """Installed extras: an installer that makes the environment anew has to be given them again."""

    def install(self, *packages: str, extra: str = "") -> Remedy:
        """Return the remedy that installs `packages`, or those of an `extra`, in addition to the installed ones."""
        extras = ",".join(sorted({*self.extras, *filter(None, [extra])}))
        itself = f"{NAME}[{extras}]" if extras else NAME
        wanted = [*(self._itself_with(extra) if extra else ()), *packages]
        beside = [part for package in packages for part in ("--with", package)]
        match self.kind:
            case "uvx":
                return Remedy("Have your agent start it so", shlex.join(["uvx", *beside, "--from", itself, NAME]))
            case "uv tool":
                command = ["uv", "tool", "install", *beside, itself]
            case "pipx":
                command = ["pipx", "inject", NAME, *packages] if packages else ["pipx", "install", "--force", itself]
            case "uv":
                command = ["uv", "pip", "install", "--python", self.python, *wanted]
            case "pip":
                command = [self.python, "-m", "pip", "install", *wanted]
        return Remedy("Install it", shlex.join(command))

    def _itself_with(self, extra: str) -> list[str]:
        """Return pip's arguments for an extra; those of a clone install the clone."""
        return ["-e", f"{self.folder}[{extra}]"] if self.folder else [f"{NAME}[{extra}]"]

    def uninstall(self) -> str:
        """Return the command that removes VoiceMode itself."""
        commands = {
            "uvx": ["uv", "cache", "clean", NAME],
            "uv tool": ["uv", "tool", "uninstall", NAME],
            "pipx": ["pipx", "uninstall", NAME],
            "uv": ["uv", "pip", "uninstall", "--python", self.python, NAME],
            "pip": [self.python, "-m", "pip", "uninstall", NAME],
        }
        return shlex.join(commands[self.kind])


def find_installer(prefix: str = sys.prefix, python: str = sys.executable) -> Installer:
    """Return the installer of the environment at `prefix`, judged by that path."""
    parts = Path(prefix).parts
    if "archive-v0" in parts or "environments-v2" in parts:
        return Installer("uvx", python, extras=_extras())
    if "tools" in parts and "uv" in parts:
        return Installer("uv tool", python, extras=_extras())
    if "pipx" in parts:
        return Installer("pipx", python, extras=_extras())
    return Installer("pip" if find_spec("pip") else "uv", python, _clone())


def to_install(*packages: str, extra: str = "") -> Remedy:
    """Return the remedy that adds `packages`, or an `extra`, to this VoiceMode."""
    return find_installer().install(*packages, extra=extra)


def _extras() -> frozenset[str]:
    """Return the extras whose packages are all installed."""
    try:
        needed = distribution(NAME).requires or []
    except PackageNotFoundError:
        return frozenset()
    parts: dict[str, list[str]] = {}
    for requirement in needed:
        if found := EXTRA.search(requirement):
            parts.setdefault(found[1], []).append(PACKAGE.match(requirement)[0])  # type: ignore[index]
    here = {extra for extra, packages in parts.items() if extra not in NOT_KEPT and all(map(_is_here, packages))}
    return frozenset(here)


def _is_here(package: str) -> bool:
    try:
        return bool(distribution(package))
    except PackageNotFoundError:
        return False


def _clone() -> str:
    try:
        direct: dict[str, Any] = json.loads(distribution(NAME).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return ""
    url = urlsplit(str(direct.get("url", "")))
    return url2pathname(url.path) if direct.get("dir_info", {}).get("editable") and url.scheme == "file" else ""
