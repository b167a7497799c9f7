"""`voicemode config` as a person sees it."""

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from voicemode.cli.config import config
from voicemode.config import Settings, load_settings, set_value, user_file
from voicemode.config.groups import GROUPS


def voicemode(*arguments: str, typed: str = "", status: int = 0) -> Result:
    result = CliRunner().invoke(config, arguments, input=typed, prog_name="voicemode config")
    assert result.exit_code == status, result.output
    return result


def row(name: str) -> list[str]:
    (line,) = [line for line in voicemode().stdout.splitlines() if line.startswith(f"  {name} ")]
    return line.split()


@pytest.fixture
def project(home: Path) -> Path:
    path = home / ".voicemode.env"
    path.write_text("VOICEMODE_STT_BASE_URLS=https://work.example/v1\nOPENAI_API_KEY=sk-project\nVOICEMODE_TTS_SPEED=1.5\n")
    return path


def test_the_list_shows_every_setting_with_its_value_and_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    set_value("tts_speed", "1.2")
    monkeypatch.setenv("VOICEMODE_VAD", "silero")
    assert row("VOICEMODE_TTS_SPEED") == ["VOICEMODE_TTS_SPEED", "1.2", f"{user_file()}:1"]
    assert row("VOICEMODE_VAD") == ["VOICEMODE_VAD", "silero", "environment"]
    assert row("VOICEMODE_LANGUAGE") == ["VOICEMODE_LANGUAGE", "-", "default"]
    assert len(voicemode("list").stdout.splitlines()) == len(fields(Settings)) + len(GROUPS)


def test_the_list_is_there_for_programs(project: Path) -> None:
    shown = json.loads(voicemode("list", "--json").stdout)
    speed = next(item for item in shown["settings"] if item["name"] == "VOICEMODE_TTS_SPEED")
    assert speed == {
        "group": "voices",
        "name": "VOICEMODE_TTS_SPEED",
        "value": "1.5",
        "from": f"{project}:3",
        "doc": "Speaking rate; 1.0 is normal.",
    }
    assert "is not trusted" in shown["notices"][0]


def test_no_command_shows_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hidden")
    outputs = [voicemode(*arguments).output for arguments in ([], ["list", "--json"], ["get", "openai_api_key"])]
    assert "hidden" not in "".join(outputs)
    assert outputs[2] == "set\n"
    assert voicemode("get", "api_keys").stdout == "not set\n"


def test_notices_go_to_stderr() -> None:
    user_file().parent.mkdir()
    user_file().write_text("VOICEMODE_SPED=1\n")
    result = voicemode()
    assert "VOICEMODE_SPED" in result.stderr
    assert "VOICEMODE_SPED" not in result.stdout


@pytest.mark.parametrize("name", ["tts_speed", "VOICEMODE_TTS_SPEED"])
def test_what_is_set_is_got_and_can_be_unset(name: str) -> None:
    assert voicemode("set", name, "1.2").stdout == "VOICEMODE_TTS_SPEED is set in ~/.voicemode/voicemode.env.\n"
    assert voicemode("get", name).stdout == "1.2\n"
    assert voicemode("unset", name).stdout == "VOICEMODE_TTS_SPEED is no longer set in ~/.voicemode/voicemode.env.\n"
    assert voicemode("get", name).stdout == "1\n"
    assert "was not set" in voicemode("unset", name).stdout


def test_what_get_prints_can_be_set() -> None:
    set_value("pronounce", r"Hm\, yes=hm yes,SQL=sequel")
    before = load_settings().settings.pronounce
    voicemode("set", "pronounce", voicemode("get", "pronounce").stdout)
    assert load_settings().settings.pronounce == before == ("Hm, yes=hm yes", "SQL=sequel")


def test_a_wrong_name_or_value_is_explained_in_a_line() -> None:
    assert voicemode("set", "speed", "1", status=1).stderr.startswith("Error: 'speed' is not a setting. Did you mean ")
    result = voicemode("set", "tts_speed", "-1", status=1)
    assert result.stderr == "Error: VOICEMODE_TTS_SPEED cannot be '-1'; it must be a number from 0.25 to 4.0.\n"
    assert "What should VOICEMODE_TTS_SPEED be?" in voicemode("set", "tts_speed", status=2).stderr


def test_a_key_behind_a_name_is_not_repeated() -> None:
    result = voicemode("set", "OPENAI_KEY=sk-geheim", "x", status=1)
    assert result.stderr.startswith("Error: 'OPENAI_KEY' is not a setting. Did you mean OPENAI_API_KEY?")


def test_set_says_when_it_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEMODE_VAD", "silero")
    result = voicemode("set", "vad", "webrtc")
    assert "It has no effect here: VOICEMODE_VAD is also set in the environment, which wins." in result.stderr


def test_a_broken_file_can_be_mended_with_set() -> None:
    user_file().parent.mkdir()
    user_file().write_text("VOICEMODE_TTS_SPEED=9\nVOICEMODE_VAD=ears\n")
    assert "it must be one of auto" in voicemode("set", "tts_speed", "1.5").stderr
    assert voicemode("set", "vad", "auto").stderr == ""


def test_a_key_is_taken_from_a_pipe() -> None:
    result = voicemode("set", "openai_api_key", typed="sk-piped\n")
    assert "sk-piped" not in result.output
    assert load_settings().settings.openai_api_key == "sk-piped"


def test_a_key_in_the_arguments_is_warned_about() -> None:
    assert "history of your shell" in voicemode("set", "openai_api_key", "sk-typed").stderr


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are POSIX")
def test_a_key_typed_in_a_terminal_is_not_echoed() -> None:
    output = at_terminal("config(['set', 'openai_api_key'])", "OPENAI_API_KEY: ", b"sk-typed\n")
    assert b"OPENAI_API_KEY is set" in output
    assert b"sk-typed" not in output
    assert load_settings().settings.openai_api_key == "sk-typed"


def at_terminal(call: str, question: str, answer: bytes) -> bytes:
    """What a person sees who gives `answer` to the `question` of a command."""
    command = f"from voicemode.cli.config import config; {call}"
    terminal = [sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])", sys.executable, "-c", command]
    with subprocess.Popen(terminal, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        output = b""
        while not output.endswith(question.encode()):
            output += process.stdout.read(1)
        process.stdin.write(answer)
        process.stdin.flush()
        return output + process.stdout.readline() + process.stdout.readline()


def editor(home: Path, text: str) -> str:
    """An editor that adds `text` to the file it is given."""
    script = home / "editor.py"
    script.write_text(f"import sys\nopen(sys.argv[1], 'a').write({text!r})\n")
    return f'"{Path(sys.executable).as_posix()}" "{script.as_posix()}"'


def test_edit_opens_a_file_that_names_every_setting(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", editor(home, "VOICEMODE_TTS_SPEED=1.5\n"))
    assert voicemode("edit").stdout == "~/.voicemode/voicemode.env is in order.\n"
    assert "# VOICEMODE_VOICES=af_sky,alloy\n" in user_file().read_text()
    assert load_settings().settings.tts_speed == 1.5


def test_edit_says_what_is_wrong_and_can_be_repeated(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", editor(home, "VOICEMODE_TTS_SPEED=9\n"))
    assert "is '9'; it must be" in voicemode("edit", status=1).stderr
    monkeypatch.setenv("VISUAL", editor(home, "VOICEMODE_TTS_SPEED=2\n"))
    monkeypatch.delenv("EDITOR")
    assert voicemode("edit").stderr == ""


def test_trust_shows_what_it_allows_and_can_be_revoked(project: Path) -> None:
    assert load_settings().settings.stt_base_urls == ()
    output = voicemode("trust", "--yes").output
    assert "line 1: VOICEMODE_STT_BASE_URLS = https://work.example/v1\n" in output
    assert "line 2: OPENAI_API_KEY = (not shown)\n" in output
    assert "TTS_SPEED" not in output
    assert load_settings().settings.openai_api_key == "sk-project"
    assert "is no longer trusted" in voicemode("trust", "--revoke").output
    assert load_settings().settings.openai_api_key == ""
    assert "was not trusted" in voicemode("trust", "--revoke").output


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize(("answer", "trusted"), [(b"y\n", True), (b"\n", False)], ids=["yes", "enter"])
def test_trust_asks_the_person_at_the_terminal(answer: bytes, trusted: bool, project: Path) -> None:
    output = at_terminal("config(['trust'])", "[y/N]: ", answer)
    assert b"line 2: OPENAI_API_KEY = (not shown)" in output
    assert (load_settings().settings.openai_api_key == "sk-project") is trusted


def test_nobody_trusts_a_project_file_where_nobody_can_be_asked(project: Path) -> None:
    result = voicemode("trust", typed="y\n", status=1)
    assert "line 1: VOICEMODE_STT_BASE_URLS = https://work.example/v1\n" in result.stdout
    assert result.stderr.endswith("→ If you have read it:\n  voicemode config trust --yes\n")
    assert load_settings().settings.openai_api_key == ""


def test_a_project_file_with_a_wrong_value_is_not_trusted(project: Path) -> None:
    project.write_text("VOICEMODE_WHISPER_PORT=x\n")
    assert f"{project}, line 1," in voicemode("trust", status=1).stderr
    assert "is not trusted" in load_settings().notices[0]


def test_trust_without_a_project_file_is_an_error() -> None:
    assert "There is no .voicemode.env here or above." in voicemode("trust", status=1).stderr


def test_path_prints_the_file_and_nothing_else() -> None:
    assert voicemode("path").stdout == f"{user_file()}\n"
