"""What there is to run on this machine, and how much of the machine it may use."""

from pathlib import Path
from typing import Literal

import pytest

from voicemode.config import Settings
from voicemode.errors import ServiceError
from voicemode.services import find, services
from voicemode.services._hardware import choose_threads, choose_whisper_model, usable_cores, usable_cpus
from voicemode.services._manifests import MODELS


def test_whisper_and_kokoro_are_services() -> None:
    assert (services()["whisper"].kind, services()["kokoro"].kind) == ("stt", "tts")


def test_a_service_nobody_knows_is_answered_with_those_there_are() -> None:
    with pytest.raises(ServiceError, match="kokoro, whisper"):
        find("parrot")


def test_a_service_listens_where_the_settings_say() -> None:
    settings = Settings(whisper_port=3000, idle_minutes=2.5)
    assert find("whisper").url(settings) == "http://127.0.0.1:3000/v1"
    assert find("whisper").health_url(settings) == "http://127.0.0.1:3000/health"
    assert " ".join(find("whisper").arguments(settings)) == "-P -m voicemode serve whisper --port 3000 --idle-minutes 2.5"


@pytest.mark.parametrize("model", ["auto", "tiny.en", "base"])
def test_the_weights_of_every_service_have_a_manifest(model: Literal["auto", "tiny.en", "base"]) -> None:
    settings = Settings(whisper_model=model)
    for service in services().values():
        assert set(service.weights_for(settings)) <= set(MODELS)
    if model != "auto":
        assert find("whisper").weights_for(settings) == (f"whisper-{model}",)


def test_every_setting_a_service_reads_exists() -> None:
    for service in services().values():
        for name in (*service.settings, service.port_setting):
            assert hasattr(Settings(), name)


@pytest.mark.parametrize(("cpus", "model"), [(1, "tiny.en"), (2, "base"), (16, "base")])
def test_base_is_chosen_where_there_are_the_processors_for_it(cpus: int, model: str) -> None:
    assert choose_whisper_model(cpus) == model


@pytest.mark.parametrize(("setting", "cores", "threads"), [(0, 1, 1), (0, 2, 2), (0, 64, 4), (7, 2, 7)])
def test_threads_follow_the_cores_unless_they_are_set(setting: int, cores: int, threads: int) -> None:
    assert choose_threads(setting, cores) == threads


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000\n"},
        {"proc/self/cgroup": "0::/user/app\n", "sys/fs/cgroup/user/cpu.max": "50000 100000\n"},
    ],
    ids=["our own group", "a group above"],
)
def test_a_container_limit_counts(files: dict[str, str], tmp_path: Path) -> None:
    granted = usable_cpus(tmp_path / "nothing")
    assert usable_cpus(machine(tmp_path, files)) == min(granted, 2 if "150000" in str(files) else 1)


def test_no_limit_is_no_limit(tmp_path: Path) -> None:
    root = machine(tmp_path, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000\n"})
    assert usable_cpus(root) == usable_cpus(tmp_path / "nothing") >= 1


def test_two_hardware_threads_of_a_core_are_one_core(tmp_path: Path) -> None:
    siblings = {f"sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list": "0-255\n" for n in range(256)}
    assert usable_cores(machine(tmp_path, siblings)) == 1
