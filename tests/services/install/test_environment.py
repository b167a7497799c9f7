"""Isolated environments: what they are made from, and that there is either a whole one or none."""

import asyncio
import json
import os
import signal
import sys
import zipfile
from collections.abc import Mapping
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import psutil
import pytest

from tests.support.paths import REPOSITORY
from tests.support.wheels import UV, UV_CACHE
from voicemode.config.child_environment import installer_environment
from voicemode.errors import ServiceError
from voicemode.services.command import CommandError, run
from voicemode.services.install.environment import MARKER, Environments, Recipe, find_uv, python_of
from voicemode.services.install.origin import find_origin

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", UV_CACHE)


def quiet(line: str) -> None:
    """A report nobody reads."""


def tiny_wheel(folder: Path) -> Path:
    """A package with one module and nothing else."""
    folder.mkdir(exist_ok=True)
    path = folder / "tiny-1.0-py3-none-any.whl"
    info = {
        "METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny.py", "SIZE = 1\n")
        for name, text in info.items():
            wheel.writestr(f"tiny-1.0.dist-info/{name}", text)
    return path


def recipe(requirement: str, *, uv: bool = True, offline: bool = True) -> Recipe:
    return Recipe(requirement=requirement, fingerprint="0123456789abcdef", uv=str(UV) if uv else "", offline=offline)


def installed(folder: Path, direct_url: Mapping[str, object] | None = None) -> Distribution:
    """What an installer leaves of a VoiceMode 1.2.0."""
    info = folder / "voicemode-1.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: voicemode\nVersion: 1.2.0\n")
    if direct_url:
        (info / "direct_url.json").write_text(json.dumps(direct_url))
    return PathDistribution(info)


def test_from_an_index_the_same_version_is_asked_for(tmp_path: Path) -> None:
    assert find_origin(installed(tmp_path)).requirement("whisper") == "voicemode[whisper]==1.2.0"


def test_from_a_wheel_that_wheel_is_installed(tmp_path: Path) -> None:
    wheel = tmp_path / "a b.whl"
    wheel.write_bytes(b"one")
    first = find_origin(installed(tmp_path, {"url": wheel.as_uri(), "archive_info": {}}))
    assert first.requirement("kokoro") == f"voicemode[kokoro] @ {wheel.as_uri()}"
    assert not first.folder


def test_from_a_commit_that_commit_is_installed(tmp_path: Path) -> None:
    vcs = {"vcs": "git", "commit_id": "abc123"}
    origin = find_origin(
        installed(tmp_path, {"url": "https://example.org/voice.git", "vcs_info": vcs, "subdirectory": "python"})
    )
    assert origin.requirement("whisper") == "voicemode[whisper] @ git+https://example.org/voice.git@abc123#subdirectory=python"


def test_from_an_address_that_address_is_installed(tmp_path: Path) -> None:
    url = "https://example.org/voicemode-1.2.0-py3-none-any.whl"
    origin = find_origin(installed(tmp_path, {"url": url, "archive_info": {"hashes": {"sha256": "00"}}}))
    assert origin.requirement("whisper") == f"voicemode[whisper] @ {url}"


@pytest.mark.parametrize("editable", [True, False])
def test_from_a_folder_that_folder_is_built_and_a_change_in_it_is_another_installation(tmp_path: Path, editable: bool) -> None:
    source = tmp_path / "source"
    (source / "voicemode").mkdir(parents=True)
    (source / "pyproject.toml").write_text("[project]\n")
    here = installed(tmp_path, {"url": source.as_uri(), "dir_info": {"editable": editable}})
    first = find_origin(here)
    assert first.folder
    assert first == find_origin(here)
    (source / "voicemode/new.py").write_text("")
    assert find_origin(here).fingerprint("whisper") != first.fingerprint("whisper")


def test_what_it_was_installed_from_being_gone_is_said(tmp_path: Path) -> None:
    gone = tmp_path / "gone.whl"
    with pytest.raises(ServiceError, match=r"installed from .*gone\.whl, which is not there any more") as error:
        find_origin(installed(tmp_path, {"url": gone.as_uri(), "archive_info": {}}))
    assert "again" in str(error.value.hint)


def test_environments_of_two_services_differ(tmp_path: Path) -> None:
    origin = find_origin(installed(tmp_path))
    assert origin.fingerprint("whisper") != origin.fingerprint("kokoro")


def test_an_installer_knows_what_the_person_told_it_and_nothing_of_this_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_INDEX_URL", "PIP_INDEX_URL", "https_proxy", "PYTHONPATH", "VIRTUAL_ENV", "PIP_USER", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "told")
    given = {name for name, text in installer_environment().items() if text == "told"}
    assert given == {"UV_INDEX_URL", "PIP_INDEX_URL", "https_proxy"}


@pytest.mark.parametrize("uv", [True, False], ids=["uv", "venv and pip"])
async def test_an_environment_is_made_and_found_again(tmp_path: Path, uv: bool) -> None:
    environments = Environments(tmp_path / "environments")
    made = recipe(f"tiny @ {tiny_wheel(tmp_path).as_uri()}", uv=uv)
    folder = environments.new(made.fingerprint)
    lines: list[str] = []
    await environments.build(made, folder, lines.append)
    assert environments.find(made.fingerprint) == folder
    assert environments.find("another") is None
    assert lines, "it is told how that goes"
    checked = "import tiny, sys; assert tiny.SIZE == 1 and sys.prefix != sys.base_prefix"
    await run([str(python_of(folder)), "-c", checked], environ=installer_environment(), cwd=tmp_path, tell=quiet)


async def test_the_environment_does_not_lean_on_the_one_that_runs_now(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments")
    made = recipe(f"tiny @ {tiny_wheel(tmp_path).as_uri()}")
    folder = environments.new(made.fingerprint)
    await environments.build(made, folder, quiet)
    assert str(Path(sys.prefix)) not in (folder / "pyvenv.cfg").read_text()


async def test_one_whose_python_is_gone_does_not_count(tmp_path: Path) -> None:
    environments = Environments(tmp_path)
    folder = Environments(tmp_path).new("0123456789abcdef")
    folder.mkdir()
    (folder / MARKER).write_text("0123456789abcdef")
    assert environments.find("0123456789abcdef") is None


@pytest.mark.parametrize("uv", [True, False], ids=["uv", "venv and pip"])
async def test_of_one_that_cannot_be_made_nothing_is_left(tmp_path: Path, uv: bool) -> None:
    environments = Environments(tmp_path / "environments")
    broken = tmp_path / "broken-1.0-py3-none-any.whl"
    broken.write_bytes(b"no zip")
    with pytest.raises(ServiceError, match="broken"):
        await environments.build(recipe(f"broken @ {broken.as_uri()}", uv=uv), environments.new("0123456789abcdef"), quiet)
    assert list(environments.root.iterdir()) == []


@pytest.mark.parametrize("uv", [True, False], ids=["uv", "venv and pip"])
async def test_without_the_network_what_it_forbids_is_said(tmp_path: Path, uv: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    environments = Environments(tmp_path / "environments")
    with pytest.raises(ServiceError, match="cannot be installed without the network, which VOICEMODE_OFFLINE") as error:
        await environments.build(recipe("voicemode[whisper]==99", uv=uv), environments.new("0123456789abcdef"), quiet)
    assert "VOICEMODE_OFFLINE=false" in str(error.value.hint)


SLOW = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


async def test_whoever_is_cancelled_takes_the_program_with_them(tmp_path: Path) -> None:
    pids: list[int] = []
    begun = asyncio.Event()

    def tell(line: str) -> None:
        pids.append(int(line))
        begun.set()

    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLOW!r}])"
    running = asyncio.create_task(run([sys.executable, "-c", script], environ=installer_environment(), cwd=tmp_path, tell=tell))
    await asyncio.wait_for(begun.wait(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=5)
    assert alive == [], "its children, too"


async def test_a_program_that_fails_is_quoted_without_credentials(tmp_path: Path) -> None:
    script = "print('no index at https://user:secret@example.org/simple'); raise SystemExit(3)"
    with pytest.raises(CommandError, match=r"failed \(3\): no index at https://\*\*\*@example\.org/simple") as error:
        await run([sys.executable, "-c", script], environ=installer_environment(), cwd=tmp_path, tell=quiet)
    assert "secret" not in str(error.value)


BUILD = """
import asyncio, os, signal, sys
from pathlib import Path
from voicemode.services.install.environment import Environments, Recipe

def tell(line):
    os.kill(os.getpid(), signal.SIGKILL)

async def main(root, slow):
    environments = Environments(Path(root))
    made = Recipe(requirement="tiny", fingerprint="0123456789abcdef", uv=slow)
    await environments.build(made, environments.new("0123456789abcdef"), tell)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for uv is a script")
async def test_what_a_killed_build_left_is_removed_by_the_next_with_what_still_works_on_it(tmp_path: Path) -> None:
    slow = tmp_path / "slow-uv"
    slow.write_text(f"#!{sys.executable}\n{SLOW}\n")
    slow.chmod(0o755)
    root = tmp_path / "environments"
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", BUILD, str(root), str(slow), cwd=REPOSITORY)
    assert await asyncio.wait_for(killed.wait(), 30) == -signal.SIGKILL
    (half,) = root.iterdir()
    (orphan,) = (process for process in psutil.process_iter(["cmdline"]) if str(half) in (process.info["cmdline"] or ()))
    environments = Environments(root)
    made = recipe(f"tiny @ {tiny_wheel(tmp_path).as_uri()}")
    await environments.build(made, environments.new(made.fingerprint), quiet)
    assert not half.exists()
    assert not orphan.is_running()


async def test_what_was_replaced_is_removed(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments")
    old, new = environments.new("0123456789abcdef"), environments.new("fedcba9876543210")
    for folder in (old, new):
        (folder / "bin").mkdir(parents=True)
        (folder / MARKER).write_text("f")
    assert environments.others(new) == [old]
    await environments.keep_only(new)
    assert list(environments.root.iterdir()) == [new]


async def test_what_is_not_ours_in_the_folder_of_environments_stays(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments")
    mine = environments.root / "mine"
    mine.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "lib").mkdir(parents=True)
    (elsewhere / MARKER).write_text("f")
    link = environments.new("0123456789abcdef")
    link.symlink_to(elsewhere)
    await environments.sweep()
    await environments.keep_only(environments.new("fedcba9876543210"))
    assert mine.is_dir()
    assert link.is_symlink()
    assert (elsewhere / MARKER).exists()


FULL = """
import asyncio, sys
from pathlib import Path
from voicemode.errors import ServiceError
from voicemode.services.install.environment import Environments, Recipe

def quiet(line): pass

async def main(root, uv, requirement):
    environments = Environments(Path(root) / "environments")
    try:
        made = Recipe(requirement=requirement, fingerprint="0123456789abcdef", uv=uv)
        await environments.build(made, environments.new(made.fingerprint), quiet)
    except ServiceError as error:
        print(error, list(environments.root.iterdir()))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a namespace of its own for a small disk")
@pytest.mark.parametrize("uv", [str(UV), ""], ids=["uv", "venv and pip"])
async def test_a_full_disk_is_said_and_nothing_is_left_on_it(tmp_path: Path, uv: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "${@:2}"'
    command = ["unshare", "-rm", "bash", "-c", mount, "-", str(disk), sys.executable, "-c", FULL, str(disk), uv]
    if await (await asyncio.create_subprocess_exec("unshare", "-rm", "true")).wait():
        pytest.skip("A disk of its own cannot be had: no namespaces here")
    requirement = f"tiny @ {tiny_wheel(tmp_path / 'wheels').as_uri()}"
    with zipfile.ZipFile(tmp_path / "wheels/tiny-1.0-py3-none-any.whl", "a") as wheel:
        wheel.writestr("tiny.bin", os.urandom(2_000_000))
    done = await asyncio.create_subprocess_exec(*command, requirement, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE)
    said, _ = await asyncio.wait_for(done.communicate(), 60)
    assert "There is no space left in" in said.decode()
    assert said.decode().strip().endswith("[]")


def test_uv_is_found_beside_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert find_uv("auto") == (str(UV) if UV.exists() else "")
    assert find_uv("pip") == ""
