"""Which supervisor is taken."""

import sys
from pathlib import Path

import pytest

from tests.support.systemd import UserSystemd
from voicemode.config import Settings
from voicemode.services.supervisors.find import find_supervisor, of_this_machine
from voicemode.services.supervisors.supervisor import SupervisorName


@pytest.mark.parametrize("name", ["systemd", "launchd", "none"])
def test_the_one_that_was_chosen_is_taken_wherever_we_are(name: SupervisorName, tmp_path: Path) -> None:
    assert find_supervisor(Settings(base_dir=tmp_path, supervisor=name)).name == name


@pytest.mark.parametrize(("system", "expected"), [("darwin", "launchd"), ("win32", "none"), ("linux", "none")])
def test_without_a_systemd_it_follows_from_the_system(system: str, expected: str, tmp_path: Path) -> None:
    assert of_this_machine(tmp_path, system) == of_this_machine(None, system) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_the_users_own_systemd_is_taken_where_it_runs(user_systemd: UserSystemd, tmp_path: Path) -> None:
    assert find_supervisor(Settings(base_dir=tmp_path)).name == "systemd"
    assert of_this_machine(user_systemd.folder) == "systemd"
