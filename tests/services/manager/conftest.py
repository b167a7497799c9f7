"""A parrot, and whoever manages it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hand_supervisor import HandSupervisor
from tests.support.parrots import Hand, install, installable
from voicemode.config import Settings
from voicemode.services.install.record import Record
from voicemode.services.manager import Manager
from voicemode.services.service import Service


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
    return installable(folder)


@pytest.fixture
def manager(settings: Settings, supervisor: HandSupervisor) -> Manager:
    return Manager(settings, supervisor)


@pytest.fixture
async def installed(parrot: Service, settings: Settings, supervisor: HandSupervisor) -> Record:
    return await install(parrot, settings, supervisor)
