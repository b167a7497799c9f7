"""Installing LiveKit's server: its configuration, its key, and the program, found here or downloaded."""

import asyncio
import hashlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.file_server import FileServer, tarball
from tests.support.paths import GOLDEN
from tests.support.settings_files import POSIX
from voicemode.config import Settings
from voicemode.errors import ServiceError
from voicemode.progress import nobody
from voicemode.services.livekit_server.config import config_text, ensure_keys
from voicemode.services.livekit_server.program import RELEASE, LiveKitProgram, archive_name, program_of
from voicemode.transports.livekit.access import find_access, keys_file

ARCHIVE = f"livekit_{RELEASE}_linux_amd64.tar.gz"
FOLDER = f"/v{RELEASE}/"
PROGRAM = b"#!/bin/sh\necho livekit-server version 1.11.0\n"


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(base_dir=home / ".voicemode")


@pytest.fixture
def environment_folder(settings: Settings) -> Path:
    """One that is being made."""
    folder = settings.services_dir / "livekit/environments/0123456789abcdef-00ff"
    program_of(folder).parent.mkdir(parents=True)
    return folder


def script(path: Path, says: str) -> Path:
    """A program that says this."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def fitting(settings: Settings, folder: Path, program: LiveKitProgram) -> str:
    return asyncio.run(program.fit(settings, folder, nobody))


# Its configuration and its key


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("livekit-here.yaml", {}),
        ("livekit-lan.yaml", {"livekit_lan": True, "log_level": "debug"}),
        ("livekit-here.yaml", {"livekit_lan": True, "local_only": True}),
    ],
)
def test_the_configuration_is_as_it_was_agreed(name: str, changes: dict[str, object]) -> None:
    settings = replace(Settings(base_dir=Path("/home/anna/.voicemode")), **changes)  # type: ignore[arg-type]
    text = config_text(settings, settings.livekit_port)
    assert text.replace("\\\\", "/") == (GOLDEN / name).read_text()


def test_every_installation_has_a_key_of_its_own_that_nobody_else_can_read(settings: Settings, tmp_path: Path) -> None:
    ensure_keys(settings)
    access = find_access(settings)
    assert access is not None
    assert re.fullmatch(r"[\w-]{43}", access.secret), "256 bits"
    ensure_keys(settings)
    assert find_access(settings) == access, "it is kept"
    keys_file(settings).write_text("APIbroken:\n")  # a disk was full
    ensure_keys(settings)
    assert find_access(settings) not in (None, access), "without it no server would start"
    access = find_access(settings)
    assert access
    other = replace(settings, base_dir=tmp_path / "other")
    ensure_keys(other)
    assert access.secret not in keys_file(other).read_text()


@POSIX
def test_a_key_that_others_could_read_is_hidden_from_them(settings: Settings) -> None:
    ensure_keys(settings)
    keys_file(settings).chmod(0o644)
    ensure_keys(settings)
    assert stat.S_IMODE(keys_file(settings).stat().st_mode) == 0o600


# The program


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("linux", "x86_64", ARCHIVE),
        ("linux", "aarch64", f"livekit_{RELEASE}_linux_arm64.tar.gz"),
        ("linux", "armv7l", f"livekit_{RELEASE}_linux_armv7.tar.gz"),
        ("win32", "AMD64", f"livekit_{RELEASE}_windows_amd64.zip"),
        ("linux", "riscv64", ""),
        ("darwin", "arm64", ""),
    ],
)
def test_a_release_is_chosen_by_system_and_processor(system: str, machine: str, name: str) -> None:
    assert archive_name(system, machine) == name


@POSIX
def test_one_on_the_path_is_used_and_so_are_its_updates(
    settings: Settings, environment_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = LiveKitProgram(places=(str(tmp_path / "brew"),))
    at_homebrew = script(tmp_path / "brew/livekit-server", "livekit-server version 1.8.4")
    monkeypatch.setenv("PATH", "/nowhere")
    assert program.planned(settings) == f"use {at_homebrew}, LiveKit 1.8.4"
    on_path = script(tmp_path / "bin/livekit-server", "livekit-server version 1.9.0")
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert fitting(settings, environment_folder, program) == f"use {on_path}, LiveKit 1.9.0"
    assert program_of(environment_folder).resolve() == on_path
    assert find_access(settings), "and it has its key"


@POSIX
@pytest.mark.parametrize(
    ("says", "trouble"),
    [
        ("livekit-server version 1.8.3", "is LiveKit 1.8.3; VoiceMode needs 1.8.4 or later"),
        ("something else", "does not say which LiveKit it is"),
    ],
)
def test_one_that_is_too_old_or_no_livekit_is_named_before_anything_is_done(
    says: str, trouble: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = script(tmp_path / "bin/livekit-server", says)
    monkeypatch.setenv("PATH", str(path.parent))
    with pytest.raises(ServiceError, match=f"{path} {trouble}"):
        LiveKitProgram(places=()).planned(settings)


@pytest.mark.parametrize(
    ("changes", "archive", "trouble"),
    [
        ({}, "", "no release of it for this system"),
        ({"offline": True}, ARCHIVE, "VOICEMODE_OFFLINE or VOICEMODE_LOCAL_ONLY forbids"),
        ({"local_only": True}, ARCHIVE, "VOICEMODE_OFFLINE or VOICEMODE_LOCAL_ONLY forbids"),
    ],
)
def test_what_cannot_or_may_not_be_downloaded_is_said_with_the_way_out(
    changes: dict[str, bool], archive: str, trouble: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ServiceError, match=trouble) as caught:
        LiveKitProgram(places=(), archive=archive).planned(replace(settings, **changes))  # type: ignore[arg-type]
    assert caught.value.hint


# The release, from a server that stands in for GitHub


@pytest.fixture
def nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No LiveKit on this machine."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    if Path("/usr/bin/livekit-server").exists():
        pytest.skip("there is a livekit-server in /usr/bin")


def packed(name: str = ARCHIVE) -> bytes:
    """A release, with a file that would like to be elsewhere."""
    files = {"LICENSE": b"Apache", "../outside": b"evil", "livekit-server": PROGRAM, "padding": os.urandom(300_000)}
    if not name.endswith(".zip"):
        return tarball(files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for inside, content in files.items():
            archive.writestr(inside, content)
    return buffer.getvalue()


@contextmanager
def github(content: bytes, name: str = ARCHIVE, sums: str = "") -> Iterator[tuple[FileServer, LiveKitProgram]]:
    """A release with its checksums, and who would fetch it."""
    sums = sums or f"{'0' * 64}  livekit_other.tar.gz\n{hashlib.sha256(content).hexdigest()}  {name}\n"
    files = {f"{FOLDER}{name}.real": content, f"{FOLDER}checksums.txt": sums.encode()}
    served = FileServer(files, redirects={f"{FOLDER}{name}": f"{FOLDER}{name}.real"})
    with served.serving() as server:
        yield server, LiveKitProgram(places=(), releases=server.url, archive=name)


@POSIX
@pytest.mark.usefixtures("nothing_here")
@pytest.mark.parametrize("name", [ARCHIVE, f"livekit_{RELEASE}_windows_amd64.zip"])
def test_a_release_is_downloaded_checked_and_unpacked(name: str, settings: Settings, environment_folder: Path) -> None:
    with github(packed(name), name) as (server, program):
        assert program.planned(settings) == f"download LiveKit {RELEASE} from {server.url}{FOLDER}{name} and check its SHA-256"
        said = fitting(settings, environment_folder, program)
    assert said.startswith("downloaded LiveKit 1.11.0 from")
    assert program_of(environment_folder).read_bytes() == PROGRAM
    assert sorted(path.name for path in environment_folder.rglob("*")) == ["bin", "livekit-server"], "nothing else of it"
    assert not (settings.cache_dir / "livekit").exists()


@POSIX
@pytest.mark.usefixtures("nothing_here")
def test_the_next_environment_takes_the_program_that_was_downloaded_before(
    settings: Settings, environment_folder: Path
) -> None:
    with github(packed()) as (_, program):
        fitting(settings, environment_folder, program)
    successor = environment_folder.with_name("0123456789abcdef-0100")
    program_of(successor).parent.mkdir(parents=True)
    assert fitting(settings, successor, program).startswith(f"use {program_of(environment_folder)}")
    program_of(environment_folder).unlink()
    assert program_of(successor).read_bytes() == PROGRAM, "a copy: the other environment goes"


@POSIX
@pytest.mark.usefixtures("nothing_here")
@pytest.mark.parametrize(
    ("sums", "trouble"),
    [(f"{'0' * 64}  {ARCHIVE}\n", "is not what LiveKit published"), ("nothing\n", f"does not name {re.escape(ARCHIVE)}")],
)
def test_what_is_not_as_published_is_not_used(sums: str, trouble: str, settings: Settings, environment_folder: Path) -> None:
    with github(packed(), sums=sums) as (_, program), pytest.raises(ServiceError, match=trouble):
        fitting(settings, environment_folder, program)
    assert not program_of(environment_folder).exists()
    assert not (settings.cache_dir / "livekit" / ARCHIVE).exists()
    assert find_access(settings) is None, "nobody tries to reach a server that is not there"


@POSIX
@pytest.mark.usefixtures("nothing_here")
def test_an_interrupted_download_goes_on_where_it_was(settings: Settings, environment_folder: Path) -> None:
    content = packed()
    with github(content) as (server, program):
        whole, redirect, nothing = 1 << 20, 0, 0
        server.break_after = [whole, whole, redirect, nothing, redirect, 100_000, redirect, nothing]
        with pytest.raises(ServiceError, match="cannot be downloaded"):
            fitting(settings, environment_folder, program)
        assert (settings.cache_dir / "livekit" / ARCHIVE).stat().st_size == 100_000
        server.break_after = []
        fitting(settings, environment_folder, program)
    assert "bytes=100000-" in server.gets(f"{FOLDER}{ARCHIVE}.real")
    assert program_of(environment_folder).read_bytes() == PROGRAM
