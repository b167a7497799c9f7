"""Everything VoiceMode ever put on a machine is found, and nothing else is removed."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.hand_supervisor import HandSupervisor
from voicemode.config import Settings
from voicemode.config.change import set_value
from voicemode.config.files import read_env_file
from voicemode.config.load import trust_store, user_file
from voicemode.config.trust import trust
from voicemode.models.manifests import MODELS
from voicemode.services import find
from voicemode.services.install.record import Record, save_record
from voicemode.services.supervisors.unit import unit_for
from voicemode.services.uninstall.inventory import Item, everything, of_service, remove, strangers, total_bytes

needs_links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(base_dir=home / ".voicemode")


@pytest.fixture
def supervisor(home: Path) -> HandSupervisor:
    return HandSupervisor(home / ".config/units")


def put(path: Path, size: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    return path


def put_model(folder: Path, name: str = "kokoro") -> Path:
    """A model as `ensure` leaves it; sparse, so that it takes no room."""
    model = MODELS[name]
    for file in model.files:
        put(folder / name / file.name, file.size_bytes)
    put(folder / name / ".verified.json")
    put(folder / name / ".incoming/hub/half")
    put(folder / f".{name}.lock")
    return folder / name


def put_all(settings: Settings, supervisor: HandSupervisor) -> None:
    """What a long life leaves behind."""
    for name in ("whisper", "kokoro"):
        service = find(name)
        environment = settings.services_dir / name / "environments/0123456789abcdef-00ff"
        put(environment / "bin/python", 1000)
        put(settings.services_dir / name / "environments/fedcba9876543210-beef/half/done")
        unit = unit_for(service, settings, environment / "bin/python", ())
        record = Record(version="1", environment=environment, supervisor="systemd", unit=unit)
        save_record(service, settings, record)
        for path, text in supervisor.files(unit).items():
            put(path).write_text(text)
        put(settings.logs_dir / f"{name}.log")
        put(settings.logs_dir / f"{name}.log.1")
        put(settings.cache_dir / name / f"{'ab' * 32}.sound")
        put(settings.state_dir / f"{name}.lock")
        put(settings.state_dir / f"{name}-install.lock")
    put(settings.logs_dir / "voicemode.log")
    put_model(settings.models_path)
    put_model(settings.models_path, "whisper-base")
    put_model(settings.models_path, "smart-turn")
    put(settings.recordings_dir / "turn-20261122-100000-7-000001.wav", 5000)
    set_value("tts_speed", "1.2")
    put(user_file().with_name(".voicemode.env.abcd1234"))
    project = settings.base_dir / "project.env"
    project.write_text("VOICEMODE_TTS_SPEED=1\n")
    file = read_env_file(project)
    assert file
    trust(trust_store(), file)
    project.unlink()


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def kinds(items: list[Item]) -> list[str]:
    return list(dict.fromkeys(item.kind for item in items))


async def forget(supervisor: HandSupervisor) -> None:
    for name in ("whisper", "kokoro"):
        await supervisor.unregister(name)


def test_a_machine_without_voicemode_has_nothing_of_it(settings: Settings, supervisor: HandSupervisor) -> None:
    assert everything(settings, supervisor) == []
    assert remove([], settings) == []


@pytest.mark.anyio
async def test_all_that_a_long_life_leaves_is_found_and_taken_away(
    settings: Settings, supervisor: HandSupervisor, home: Path
) -> None:
    before = listing(home)
    put_all(settings, supervisor)
    items = everything(settings, supervisor)
    assert kinds(items) == ["unit", "environment", "model", "cache", "log", "state", "recording", "config"]
    assert strangers(settings, items) == []
    assert total_bytes(items) > 200_000_000
    await forget(supervisor)
    assert remove(items, settings) == []
    (home / ".config/units").rmdir()
    (home / ".config").rmdir()
    assert listing(home) == before


@pytest.mark.parametrize("name", MODELS)
def test_the_weights_of_every_manifest_are_found(name: str, settings: Settings, supervisor: HandSupervisor) -> None:
    put_model(settings.models_path, name)
    items = everything(settings, supervisor)
    assert strangers(settings, items) == []
    assert remove(items, settings) == []
    assert not settings.base_dir.exists()


def test_a_unit_is_found_though_its_installation_was_killed_before_it_was_written_down(
    settings: Settings, supervisor: HandSupervisor
) -> None:
    put_all(settings, supervisor)
    (settings.services_dir / "whisper/installed.json").unlink()
    units = [path.name for item in everything(settings, supervisor) if item.kind == "unit" for path in item.paths]
    assert units == ["kokoro.json", "whisper.json"]


def test_each_thing_is_listed_once_with_its_size(settings: Settings, supervisor: HandSupervisor) -> None:
    put_all(settings, supervisor)
    items = everything(settings, supervisor)
    paths = [path for item in items for path in item.paths]
    assert len(paths) == len(set(paths))
    (recordings,) = (item for item in items if item.kind == "recording")
    assert recordings.size_bytes == 5000
    assert [item.title for item in items if item.kind == "environment"] == [
        "environment of Kokoro text-to-speech",
        "environment of Whisper speech-to-text",
    ]


def test_a_file_of_several_names_counts_once(settings: Settings, supervisor: HandSupervisor) -> None:
    log = put(settings.logs_dir / "voicemode.log", 1000)
    os.link(log, settings.logs_dir / "voicemode.log.1")
    assert total_bytes(everything(settings, supervisor)) == 1000


def test_what_is_not_ours_stays_and_is_named(settings: Settings, supervisor: HandSupervisor) -> None:
    put_all(settings, supervisor)
    foreign = {
        put(settings.base_dir / path)
        for path in (
            "notes.txt",
            "logs/nginx.log",
            "logs/voicemode.log.bak",
            "models/kokoro/mine.onnx",
            "models/llama/weights.bin",
            "recordings/song.wav",
            "services/whisper/environments/mine/file",
            "services/postgres/data",
            "state/other.lock",
            "providers/mine.py",
        )
    }
    own_weights = put(settings.models_path / "whisper-base" / MODELS["whisper-base"].files[0].name, 77)
    items = everything(settings, supervisor)
    named = strangers(settings, items)
    assert remove(items, settings) == []
    left = {path for path in settings.base_dir.rglob("*") if path.is_file()}
    assert left == foreign | {own_weights}
    assert all(any(path.is_relative_to(name) for name in named) for path in left), named
    assert settings.base_dir / "notes.txt" in named


def test_a_home_as_base_directory_loses_only_what_is_ours(home: Path, supervisor: HandSupervisor) -> None:
    settings = Settings(base_dir=home)
    put(home / ".voicemode.env").write_text("VOICEMODE_TTS_SPEED=1\n")
    put(home / "models/photos/1.jpg")
    put(home / "services/whisper/notes")
    put(settings.logs_dir / "voicemode.log")
    remove(everything(settings, supervisor), settings)
    left = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    assert left == {".voicemode.env", "models/photos/1.jpg", "services/whisper/notes"}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder that links lead to; its file outlives everything."""
    folder = tmp_path / "elsewhere"
    kept = put(folder / "kept")
    yield folder
    assert kept.exists()


@needs_links
def test_a_link_to_the_weights_goes_with_our_files_behind_it(
    settings: Settings, supervisor: HandSupervisor, elsewhere: Path
) -> None:
    put_model(elsewhere)
    settings.base_dir.mkdir()
    (settings.base_dir / "models").symlink_to(elsewhere)
    remove(everything(settings, supervisor), settings)
    assert listing(elsewhere) == {"kept"}
    assert not settings.base_dir.exists()


@needs_links
def test_links_within_the_weights_go_and_what_they_lead_to_stays(
    settings: Settings, supervisor: HandSupervisor, elsewhere: Path
) -> None:
    shared = put_model(elsewhere)
    settings.models_path.mkdir(parents=True)
    (settings.models_path / "kokoro").symlink_to(shared)
    blob = put(elsewhere / "blob", 3)
    voice = settings.models_path / "kokoro-voices" / MODELS["kokoro-voices"].files[0].name
    voice.parent.mkdir()
    voice.symlink_to(blob)
    before = listing(elsewhere)
    remove(everything(settings, supervisor), settings)
    assert listing(elsewhere) == before
    assert not settings.base_dir.exists()


@needs_links
@pytest.mark.parametrize("name", ["logs", "services", "services/whisper", "state", "recordings"])
def test_a_folder_that_is_a_link_is_unlinked_and_not_followed(
    name: str, settings: Settings, supervisor: HandSupervisor, elsewhere: Path
) -> None:
    for inner in ("voicemode.log", "whisper.lock", "turn-1.wav", "whisper/environments/0123456789abcdef-00ff/x"):
        put(elsewhere / inner)
    before = listing(elsewhere)
    link = settings.base_dir / name
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    items = everything(settings, supervisor)
    assert [item.paths for item in items] == [(link,)]
    remove(items, settings)
    assert listing(elsewhere) == before
    assert not settings.base_dir.exists()


@needs_links
def test_links_in_an_environment_are_not_followed(settings: Settings, supervisor: HandSupervisor, elsewhere: Path) -> None:
    environment = settings.services_dir / "whisper/environments/0123456789abcdef-00ff"
    put(environment / "bin/x")
    (environment / "lib").symlink_to(elsewhere)
    remove(everything(settings, supervisor), settings)
    assert not settings.base_dir.exists()


@needs_links
def test_a_link_that_comes_between_looking_and_removing_is_not_followed(
    settings: Settings, supervisor: HandSupervisor, elsewhere: Path
) -> None:
    put(settings.logs_dir / "voicemode.log")
    put(elsewhere / "voicemode.log")
    items = everything(settings, supervisor)
    settings.logs_dir.rename(settings.base_dir / "old")
    settings.logs_dir.symlink_to(elsewhere)
    remove(items, settings)
    assert listing(elsewhere) == {"kept", "voicemode.log"}


def test_a_folder_of_weights_that_the_person_chose_stays_even_if_it_is_empty_then(
    settings: Settings, supervisor: HandSupervisor, tmp_path: Path
) -> None:
    chosen = replace(settings, models_dir=tmp_path / "weights")
    put_model(chosen.models_path)
    remove(everything(chosen, supervisor), chosen)
    assert list(chosen.models_path.iterdir()) == []


@pytest.mark.parametrize("models", [False, True])
def test_of_one_service_the_others_keep_theirs(*, models: bool, settings: Settings, supervisor: HandSupervisor) -> None:
    put_all(settings, supervisor)
    items = of_service(find("whisper"), settings, supervisor, models=models)
    assert kinds(items) == ["unit", "environment", *(["model"] if models else []), "cache", "log", "state"]
    remove(items, settings)
    left = listing(settings.base_dir)
    assert {"services/kokoro/installed.json", "logs/kokoro.log", "logs/voicemode.log", "state/kokoro.lock"} <= left
    assert not [name for name in left if "whisper" in name and not name.startswith("models")]
    assert ("models/whisper-base" in left) is not models


@needs_links  # Windows says it differently
def test_what_cannot_be_removed_is_named(settings: Settings, supervisor: HandSupervisor) -> None:
    log = put(settings.logs_dir / "voicemode.log")
    items = everything(settings, supervisor)
    log.unlink()
    log.parent.rmdir()
    log.parent.touch()  # not even root can remove a file from what is no folder any more
    assert remove(items, settings) == [f"{log} is still there: Not a directory."]
