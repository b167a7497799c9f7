"""What is written to the settings file: nothing else changes, and what was set comes back."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from tests.support.settings_files import POSIX, Write, writer
from voicemode.config import Settings, create_user_file, env_name, load_settings, set_value, unset_value, user_file
from voicemode.errors import ConfigError


def test_set_keeps_comments_order_and_everything_else(user: Write) -> None:
    path = user(
        "\ufeff# mine\r\n\r\nexport VOICEMODE_TTS_SPEED = 1.1   # brisk\r\nnot an assignment\r\n"
        "VOICEMODE_STT_MODEL='a # b' # why\r\nVOICEMODE_STT_MODEL=later\r\nEND='x'"
    )
    set_value("tts_speed", "1.2")
    set_value("VOICEMODE_STT_MODEL", "new")
    set_value("Save-Audio", "yes")
    assert path.read_bytes().decode() == (
        "# mine\r\n\r\nexport VOICEMODE_TTS_SPEED =1.2   # brisk\r\nnot an assignment\r\n"
        "VOICEMODE_STT_MODEL=new\r\nEND='x'\r\nVOICEMODE_SAVE_AUDIO=yes\r\n"
    )


def test_unset_removes_every_assignment_and_nothing_else(user: Write) -> None:
    path = user("A=1\n\nVOICEMODE_VAD=auto\n# b\nVOICEMODE_VAD=silero")
    assert unset_value("vad")
    assert path.read_text() == "A=1\n\n# b\n"
    assert not unset_value("vad")


@pytest.mark.parametrize(
    "value",
    [
        "it's", '"quoted"', "'", "\\", "ends in \\", "\\'", "a # b", "#", "$HOME ${HOME} `id`", "=", "a=b", "\u00a0x\u00a0y",
        "naïve 日本語 🙂", "a\u2028b", "C:\\new\\table", "export X", "\\n", "'a' # b", "%s", "~", "-1",
    ],
)  # fmt: skip
def test_any_line_of_text_comes_back_as_it_was_set(value: str) -> None:
    for before in ("x", "it's # else"):
        set_value("stt_prompt", before)
        set_value("stt_prompt", value)
        set_value("stt_model", "after")
        settings = load_settings({}).settings
        assert (settings.stt_prompt, settings.stt_model) == (value.strip(), "after")


@pytest.mark.parametrize("value", ["a\nOPENAI_API_KEY=x", "a\rb", "nul\0", "\x1b[31m", "\udc80"])
def test_control_characters_are_not_written(value: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be .* it must be one line of text"):
        set_value("stt_prompt", value)
    assert not user_file().exists()


def test_set_refuses_what_could_not_be_loaded() -> None:
    with pytest.raises(ConfigError, match=r"VOICEMODE_TTS_SPEED cannot be '9'; it must be a number from 0\.25 to 4\.0"):
        set_value("tts_speed", "9")
    with pytest.raises(ConfigError, match="voicemode config unset VOICEMODE_VAD"):
        set_value("vad", "")
    with pytest.raises(ConfigError, match="Did you mean VOICEMODE_VOICES"):
        set_value("voice", "alloy")
    assert not user_file().exists()


def test_a_relative_path_is_set_as_meant_from_here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "here").mkdir()
    monkeypatch.chdir(home / "here")
    set_value("models_dir", "weights")
    assert load_settings({}).settings.models_path == home / "here" / "weights"
    set_value("models_dir", "~/weights")
    assert "=~/weights" in user_file().read_text()


@POSIX
def test_the_file_is_private_and_a_link_to_it_stays_a_link(home: Path) -> None:
    dotfile = writer(home / "dotfiles" / "voice")("# in git\n")
    dotfile.chmod(0o644)
    user_file().parent.mkdir()
    user_file().symlink_to(dotfile)
    set_value("vad", "silero")
    assert user_file().is_symlink()
    assert dotfile.read_text() == "# in git\nVOICEMODE_VAD=silero\n"
    assert dotfile.stat().st_mode & 0o777 == 0o600
    assert os.listdir(dotfile.parent) == ["voice"]  # noqa: PTH208 - names are what is compared


@POSIX
def test_what_is_made_is_private() -> None:
    set_value("vad", "silero")
    assert user_file().parent.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in user_file().parent.iterdir()} == {0o600}


def test_processes_that_set_at_once_lose_nothing() -> None:
    names = ["tts_models", "stt_model", "voices", "stt_prompt"]
    script = "import sys; from voicemode.config import set_value\nfor n in range(15): set_value(sys.argv[1], f'v{n}')"
    running = [subprocess.Popen([sys.executable, "-c", script, name]) for name in names]
    assert [process.wait(timeout=60) for process in running] == [0] * len(names)
    settings = load_settings({}).settings
    assert [settings.tts_models, settings.stt_model, settings.voices, settings.stt_prompt] == [("v14",), "v14", ("v14",), "v14"]


def test_the_template_sets_nothing_and_names_every_setting_with_its_default(home: Path) -> None:
    create_user_file(user_file())
    text = user_file().read_text()
    assert load_settings({}).settings == Settings(base_dir=home / ".voicemode")
    lines = re.findall(r"^# ([A-Z_]+=.*)$", text, re.MULTILINE)
    assert [line.partition("=")[0] for line in lines] == [env_name(item) for item in fields(Settings)]
    user_file().write_text("\n".join(lines))
    assert load_settings({}).settings == Settings(base_dir=home / ".voicemode")
    create_user_file(user_file())
    assert user_file().read_text() == "\n".join(lines)
