"""How much of the machine we may use, and which Whisper that is enough for."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from voicemode.config import Settings
from voicemode.models.choice import choose_whisper_model, speed, whisper_choice
from voicemode.models.hardware import (
    Hardware,
    choose_threads,
    has_cuda_libraries,
    look,
    nvidia_bytes,
    usable_cores,
    usable_cpus,
    usable_memory,
)
from voicemode.models.manifests import MODELS

GB = 10**9
LAPTOP = Hardware(cpus=4, cores=2, memory_bytes=16 * GB)


@pytest.mark.parametrize(
    ("hardware", "model"),
    [
        (Hardware(cpus=1, cores=1, memory_bytes=16 * GB), "tiny.en"),
        (Hardware(cpus=2, cores=1, memory_bytes=2 * GB), "base"),
        (Hardware(cpus=7, cores=7, memory_bytes=32 * GB), "base"),
        (Hardware(cpus=8, cores=4, memory_bytes=8 << 30), "small"),
        (Hardware(cpus=64, cores=32, memory_bytes=4 * GB), "base"),
        (Hardware(cpus=64, cores=32, memory_bytes=GB // 2), "tiny.en"),
        (Hardware(cpus=2, cores=1, memory_bytes=8 * GB, gpu_bytes=6 * GB, cuda=True), "large-v3-turbo"),
        (Hardware(cpus=2, cores=1, memory_bytes=8 * GB, gpu_bytes=2 * GB, cuda=True), "base"),
        (Hardware(cpus=16, cores=8, memory_bytes=64 * GB, gpu_bytes=24 * GB, cuda=False), "small"),
    ],
)
def test_auto_is_the_best_that_the_machine_keeps_up_with(hardware: Hardware, model: str) -> None:
    assert choose_whisper_model(hardware).model == model


@pytest.mark.parametrize(("language", "model"), [("", "tiny.en"), ("en", "tiny.en"), ("de", "tiny")])
def test_auto_is_never_a_model_that_does_not_know_the_language(language: str, model: str) -> None:
    assert choose_whisper_model(replace(LAPTOP, cpus=1), language).model == model


def test_the_choice_is_explained() -> None:
    assert choose_whisper_model(LAPTOP).reason == "4 processors and 16.0 GB of memory keep up with it, and not with small"
    assert choose_whisper_model(replace(LAPTOP, gpu_bytes=8 * GB, cuda=True)).reason == "the NVIDIA card has 8.0 GB of memory"


def test_a_card_that_is_not_used_is_explained_too() -> None:
    assert "cuBLAS and cuDNN 9 are not installed" in choose_whisper_model(replace(LAPTOP, gpu_bytes=8 * GB)).reason
    assert "too little memory (2.0 GB)" in choose_whisper_model(replace(LAPTOP, gpu_bytes=2 * GB, cuda=True)).reason


def test_a_setting_goes_before_all_that() -> None:
    choice = whisper_choice(Settings(whisper_model="large-v3"), LAPTOP)
    assert (choice.model, choice.reason) == ("large-v3", "VOICEMODE_WHISPER_MODEL names it")
    assert whisper_choice(Settings(), LAPTOP).model == "base"


def test_what_auto_chooses_is_never_slow() -> None:
    for cpus in (1, 2, 4, 8, 64):
        hardware = Hardware(cpus=cpus, cores=max(1, cpus // 2), memory_bytes=16 * GB)
        choice = choose_whisper_model(hardware).model
        assert speed(MODELS[f"whisper-{choice}"], hardware) in {"fastest", "fast"}


def test_speed_is_relative_to_the_machine() -> None:
    medium, voices = MODELS["whisper-medium"], MODELS["kokoro-voices"]
    assert speed(medium, LAPTOP) == "slow"
    assert speed(medium, replace(LAPTOP, cores=4)) == "medium"
    assert speed(medium, replace(LAPTOP, gpu_bytes=8 * GB, cuda=True)) == "fastest"
    assert speed(voices, LAPTOP) == ""


def test_what_is_found_here_makes_sense() -> None:
    found = look()
    assert found.cpus >= found.cores >= 1
    assert found.memory_bytes > GB // 4
    assert found.cuda is (bool(found.gpu_bytes) and has_cuda_libraries())


def test_the_memory_limit_of_a_container_counts(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/user/app\n", "sys/fs/cgroup/user/memory.max": f"{200 << 20}\n"}
    assert usable_memory(machine(tmp_path, files)) == 200 << 20


def test_no_memory_limit_is_no_limit(tmp_path: Path) -> None:
    root = machine(tmp_path, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": "max\n"})
    assert usable_memory(root) == usable_memory(tmp_path / "nothing")


@pytest.mark.skipif(os.name == "nt", reason="the driver's program is imitated by a shell script")
@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo 8192; echo 24564", 24564 << 20),
        ("echo 'NVIDIA-SMI has failed because it could not communicate with the driver.'; exit 9", 0),
        ("echo '[N/A]'", 0),
    ],
)
def test_the_largest_nvidia_card_is_found_by_its_driver(
    script: str, found: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert nvidia_bytes() == found


def test_a_machine_without_the_driver_has_no_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia_bytes() == 0


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
