"""Settings and a folder for a parrot, the service of these tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.agents import free_ports
from tests.support.parrots import nest
from voicemode.config import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (port,) = free_ports(1)
    return Settings(base_dir=tmp_path / "base", whisper_port=port, offline=True)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with nest(tmp_path / "started") as folder:
        yield folder
