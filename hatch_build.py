"""Puts the page, exported by Next.js, into packages as voicemode/page.

Built with npm where it is older than its sources. Where npm is missing, or VOICEMODE_PAGE=keep asks for what lies there, a
package is made without the page, or with an old one: who installs a speech service needs none.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("src", "public", "scripts", "next.config.ts", "package-lock.json", "tsconfig.json")
INSIDE = "voicemode/page"
NO_NPM = "npm is not installed: this package is made without the page. Install Node.js 20.19 or later, and build again."
FAILED = "The page needs Node.js 20.19 or later, and the network. To make this package without: VOICEMODE_PAGE=keep"


class PageHook(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling for each wheel and source distribution; editable installations use the folder as it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the page to what goes into the package."""
        if version == "editable":
            return
        if page := self._find(Path(self.root)):
            build_data["force_include"][str(page)] = INSIDE

    def _find(self, root: Path) -> Path | None:
        """Where the page lies: in an unpacked source distribution, or in a clone, built if that is needed."""
        packed, frontend = root / INSIDE, root / "frontend"
        if packed.is_dir() or not frontend.is_dir():
            return packed if packed.is_dir() else None
        out = frontend / "out"
        if not is_fresh(frontend) and os.environ.get("VOICEMODE_PAGE") != "keep":
            self._build(frontend)
        return out if (out / "index.html").is_file() else None

    def _build(self, frontend: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            self.app.display_warning(NO_NPM)
            return
        try:
            build(frontend, npm)
        except subprocess.CalledProcessError as error:
            self.app.abort(f"{error} {FAILED}")


def is_fresh(frontend: Path) -> bool:
    """Whether the page was built after the last change of what it is made of."""
    page = frontend / "out" / "index.html"
    return page.is_file() and page.stat().st_mtime >= max(path.stat().st_mtime for path in sources(frontend))


def sources(frontend: Path) -> Iterator[Path]:
    """Files and folders: a folder changes when a file in it goes."""
    for name in SOURCES:
        yield frontend / name
        yield from (frontend / name).rglob("*")


def build(frontend: Path, npm: str) -> None:
    """Build the page, about a minute. Raises CalledProcessError."""
    environ = {**os.environ, "NEXT_TELEMETRY_DISABLED": "1"}
    for command in ("ci --no-audit --no-fund", "run build"):
        subprocess.run([npm, *command.split()], cwd=frontend, env=environ, check=True)
