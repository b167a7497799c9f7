"""The wheel of this tree, and uv to install it with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

UV_CACHE = os.environ.get("UV_CACHE_DIR") or str(Path("~/.cache/uv").expanduser())
UV = Path(sys.executable).with_name("uv")


def uv_environment(**extra: str) -> dict[str, str]:
    return {**os.environ, "UV_CACHE_DIR": UV_CACHE, "UV_SYSTEM_CERTS": "1", "VOICEMODE_PAGE": "keep", **extra}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    if not UV.exists():
        pytest.skip("uv is not installed beside this Python: scripts/check installs it")
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--out-dir", str(folder), str(REPOSITORY))
    (path,) = folder.glob("*.whl")
    return path


def uv(*arguments: str) -> None:
    """Run uv; a failure fails the test."""
    done = subprocess.run([str(UV), *arguments], capture_output=True, text=True, env=uv_environment(), check=False)
    assert done.returncode == 0, done.stderr
