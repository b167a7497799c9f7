"""A parrot, and whoever manages it."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.agents import free_ports
from tests.hand_supervisor import HandSupervisor
from tests.manager.parrots import Hand, install
from tests.test_process import service as parrot_service
from voicemode.config import Settings
from voicemode.services._base import Service
from voicemode.services._manager import Manager
from voicemode.services._record import Record


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (port,) = free_ports(1)
    return Settings(base_dir=tmp_path / "base", whisper_port=port, offline=True)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where parrots note that they were started; none of them outlives it, whoever has started it."""
    path = tmp_path / "started"
    path.mkdir()
    yield path
    for note in path.glob("started-*"):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(int(note.name.partition("-")[2])).kill()
    for thread in threading.enumerate():
        if thread.name == "parrot-reaper":
            thread.join(5)


@pytest.fixture
def supervisor(tmp_path: Path, folder: Path) -> Iterator[Hand]:
    """Nothing that it started outlives it."""
    hand = Hand(tmp_path / "units")
    yield hand
    for process in hand.processes:
        process.kill()
        process.wait(5)


@pytest.fixture
def parrot(folder: Path) -> Service:
    service = parrot_service(folder)
    return replace(service, installed_command=service.command)


@pytest.fixture
def manager(settings: Settings, supervisor: HandSupervisor) -> Manager:
    return Manager(settings, supervisor)


@pytest.fixture
async def installed(parrot: Service, settings: Settings, supervisor: HandSupervisor) -> Record:
    return await install(parrot, settings, supervisor)
