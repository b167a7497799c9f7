"""The page in packages: hatch_build.py, as an installer runs it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY
from tests.support.wheels import UV, uv_environment

LEFT_OUT = shutil.ignore_patterns("node_modules", ".next", "__pycache__")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a package is made of, with a page that was built by hand."""
    if not UV.exists():
        pytest.skip("uv is not installed beside this Python: scripts/check installs it")
    folder = tmp_path / "clone"
    for name in ("voicemode", "frontend"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=LEFT_OUT)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore"):
        shutil.copy(REPOSITORY / name, folder)
    out = folder / "frontend" / "out"
    out.mkdir(exist_ok=True)
    (out / "index.html").write_text("a page")
    return folder


def packed(clone: Path, *arguments: str, **environ: str) -> str:
    """The page in a wheel made of `clone`; empty if there is none in it."""
    dist = clone.parent / "dist"
    command = [str(UV), "build", *arguments, "--python", sys.executable, "--out-dir", str(dist), str(clone)]
    subprocess.run(command, env=uv_environment(**environ), check=True, capture_output=True, timeout=120)
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        return files.read("voicemode/page/index.html").decode() if "voicemode/page/index.html" in files.namelist() else ""


def test_a_wheel_of_a_source_distribution_has_the_page_that_was_built(clone: Path) -> None:
    assert packed(clone) == "a page"


def test_without_npm_a_package_is_made_without_the_page(clone: Path) -> None:
    shutil.rmtree(clone / "frontend" / "out")
    assert packed(clone, "--wheel", PATH="/nowhere", VOICEMODE_PAGE="") == ""


def test_a_page_older_than_its_sources_is_built_anew_unless_that_is_not_wanted(clone: Path, tmp_path: Path) -> None:
    os.utime(clone / "frontend" / "out" / "index.html", (0, 0))
    assert packed(clone, "--wheel") == "a page"
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text("#!/bin/sh\necho a new page >out/index.html\n")
    npm.chmod(0o755)
    assert packed(clone, "--wheel", PATH=f"{npm.parent}:/usr/bin:/bin", VOICEMODE_PAGE="") == "a new page\n"


def test_a_page_that_cannot_be_built_says_how_to_do_without(clone: Path, tmp_path: Path) -> None:
    os.utime(clone / "frontend" / "out" / "index.html", (0, 0))
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text("#!/bin/sh\nexit 1\n")
    npm.chmod(0o755)
    with pytest.raises(subprocess.CalledProcessError) as failure:
        packed(clone, "--wheel", PATH=f"{npm.parent}:/usr/bin:/bin", VOICEMODE_PAGE="")
    assert b"To make this package without: VOICEMODE_PAGE=keep" in failure.value.stderr
