"""Settings: layers, provenance, reload, trust, wrong values, and what is written back."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from tests.support.settings_files import POSIX, Write, writer
from voicemode.config import (
    Settings,
    changed,
    find_setting,
    load_settings,
    project_file,
    read_settings,
    set_value,
    trust_store,
)
from voicemode.config.files import MAX_BYTES
from voicemode.config.trust import revoke_trust, trust
from voicemode.errors import ConfigError


@pytest.fixture
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a project file two directories above the working directory."""
    deep = home / "repo" / "src" / "deep"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    return writer(home / "repo" / ".voicemode.env")


def trust_project() -> None:
    file = project_file()
    assert file is not None
    trust(trust_store(), file)


def wrong(environ: dict[str, str] | None = None) -> str:
    """The message for the settings as they are."""
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    return str(caught.value)


# Layers


def test_without_files_every_setting_has_its_default(home: Path) -> None:
    loaded = load_settings({})
    assert loaded.settings == Settings(base_dir=home / ".voicemode")
    assert {str(source) for source in loaded.sources.values()} == {"default"}
    assert set(loaded.sources) == {item.name for item in fields(Settings)}
    assert loaded.notices == ()


def test_environment_wins_over_project_over_user_over_default(user: Write, project: Write) -> None:
    mine = user("VOICEMODE_TTS_SPEED=1.1\nVOICEMODE_VOICES=mine\nVOICEMODE_STT_PROMPT=mine\n")
    theirs = project("# a comment\n\nVOICEMODE_TTS_SPEED=1.2\nVOICEMODE_VOICES=theirs\n")
    loaded = load_settings({"VOICEMODE_TTS_SPEED": "1.3"})
    assert (loaded.settings.tts_speed, loaded.settings.voices, loaded.settings.stt_prompt) == (1.3, ("theirs",), "mine")
    assert loaded.settings.stt_model == "whisper-1"
    found = [str(loaded.sources[name]) for name in ("tts_speed", "voices", "stt_prompt", "stt_model")]
    assert found == ["environment", f"{theirs}:4", f"{mine}:3", "default"]


def test_the_nearest_project_file_upward_counts_alone(project: Write, home: Path) -> None:
    project("VOICEMODE_VOICES=far\nVOICEMODE_PACE=quick\n")
    writer(home / "repo" / "src" / ".voicemode.env")("VOICEMODE_VOICES=near\n")
    settings = load_settings().settings
    assert (settings.voices, settings.pace) == (("near",), "normal")


def test_the_working_directory_can_be_given(home: Path) -> None:
    writer(home / "elsewhere" / ".voicemode.env")("VOICEMODE_VOICES=there\n")
    assert load_settings({}, home / "elsewhere").settings.voices == ("there",)


def test_the_base_directory_in_the_environment_has_the_user_file(home: Path) -> None:
    writer(home / "data" / "voicemode.env")("VOICEMODE_STT_MODEL=moved\n")
    loaded = load_settings({"VOICEMODE_BASE_DIR": "~/data"})
    assert loaded.settings.stt_model == "moved"
    assert loaded.settings.recordings_dir == home / "data" / "recordings"


def test_an_empty_value_is_no_value(user: Write) -> None:
    user("VOICEMODE_STT_MODEL=mine\nVOICEMODE_LANGUAGE=\nVOICEMODE_TTS_SPEED=''\n")
    loaded = load_settings({"VOICEMODE_STT_MODEL": " "})
    assert loaded.settings.stt_model == "mine"
    assert (loaded.settings.tts_speed, loaded.sources["tts_speed"].kind) == (1.0, "default")


def test_a_vanished_working_directory_has_no_project_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = home / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert load_settings().settings.stt_model == "whisper-1"


# Values


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("VOICEMODE_AUTO_START=off", False),
        ("VOICEMODE_OFFLINE=Yes", True),
        ("VOICEMODE_WHISPER_PORT=3033", 3033),
        ("VOICEMODE_TTS_SPEED=.5", 0.5),
        ("VOICEMODE_LOG_LEVEL=DEBUG", "debug"),
        ("VOICEMODE_VOICES= af_sky , nova,", ("af_sky", "nova")),
        (r"VOICEMODE_PRONOUNCE=Hm\, yes=hm yes,SQL=sequel", ("Hm, yes=hm yes", "SQL=sequel")),
        ("VOICEMODE_STT_PROMPT=costs ${HOME} # in words", "costs ${HOME}"),
        ("export VOICEMODE_STT_PROMPT='a # b'", "a # b"),
        ("VOICEMODE_LANGUAGE=DE", "de"),
        ("VOICEMODE_TTS_BASE_URLS=http://127.0.0.1:8880/v1,https://a.example/v1", ("http://127.0.0.1:8880/v1", "https://a.example/v1")),
    ],
)  # fmt: skip
def test_values_are_typed(line: str, value: object, user: Write) -> None:
    user(f"{line}\n")
    name = line.removeprefix("export ").partition("=")[0].removeprefix("VOICEMODE_").lower()
    assert getattr(load_settings({}).settings, name) == value


def test_paths_in_a_file_start_at_that_file(user: Write, home: Path) -> None:
    user("VOICEMODE_MODELS_DIR=weights\n")
    assert load_settings({}).settings.models_path == home / ".voicemode" / "weights"
    assert load_settings({"VOICEMODE_MODELS_DIR": "~/w"}).settings.models_path == home / "w"
    assert load_settings({"VOICEMODE_MODELS_DIR": "w"}, home / "x").settings.models_path == home / "x" / "w"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("VOICEMODE_TTS_SPEED=9", "is '9'; it must be a number from 0.25 to 4.0"),
        ("VOICEMODE_TTS_SPEED=nan", "is 'nan'; it must be a number from 0.25 to 4.0"),
        ("VOICEMODE_WHISPER_PORT=80.5", "it must be a whole number from 1 to 65535"),
        ("VOICEMODE_OFFLINE=maybe", "is 'maybe'; it must be true or false"),
        ("VOICEMODE_VAD=ears", "is 'ears'; it must be one of auto, silero, webrtc"),
        ("VOICEMODE_LANGUAGE=German", "it must be an ISO 639-1 code such as en"),
        ("VOICEMODE_PRONOUNCE=SQL", "it must be WRITTEN=SPOKEN pairs"),
        ("VOICEMODE_STT_BASE_URLS=localhost:2022", "it must be http:// or https://, a host"),
        ("VOICEMODE_STT_BASE_URLS=http:///v1", "it must be http:// or https://, a host"),
        ("VOICEMODE_STT_BASE_URLS=http://a:99999/", "it must be http:// or https://, a host"),
        ("VOICEMODE_MODELS_DIR=~nobody-of-that-name/x", "there is no such user"),
    ],
)
def test_a_wrong_value_is_named_with_file_line_and_what_is_allowed(line: str, complaint: str, user: Write) -> None:
    path = user(f"# mine\n\n{line}\n")
    message = wrong({})
    assert f"{line.partition('=')[0]} in {path}, line 3, is " in message
    assert complaint in message


def test_a_wrong_value_in_the_environment_is_named_as_such() -> None:
    assert wrong({"VOICEMODE_TTS_SPEED": "fast"}).startswith("VOICEMODE_TTS_SPEED in the environment is 'fast'; ")


def test_all_wrong_values_are_named_at_once_also_where_another_layer_wins(user: Write) -> None:
    user("VOICEMODE_TTS_SPEED=9\nVOICEMODE_VAD=ears\n")
    assert wrong({"VOICEMODE_TTS_SPEED": "1"}).count("it must be") == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [("VOICEMODE_VAD=auto\n\nsk-secret\n", 3), ("\nVOICEMODE_STT_PROMPT='sk-secret\nX=1\n", 2), ("=sk-secret\n", 1)],
)
def test_a_line_that_is_no_assignment_is_named_but_not_shown(text: str, line: int, user: Write) -> None:
    path = user(text)
    message = wrong({})
    assert f"{path}, line {line}: this is not NAME=VALUE." in message
    assert "secret" not in message


def test_a_file_that_is_no_text_or_far_too_large_is_named(user: Write) -> None:
    path = user("")
    path.write_bytes(b"A=1\n\xff\xfe")
    assert f"{path}, line 2: this is not UTF-8 text." in wrong({})
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    assert f"{path} is larger than" in wrong({})


def test_unknown_names_are_noticed_with_the_closest_one(user: Write) -> None:
    path = user("OTHER=1\nVOICEMODE_TTS_SPED=1.5\n")
    (notice,) = load_settings({}).notices
    assert notice == f"VOICEMODE_TTS_SPED in {path}, line 2, is not a setting. Did you mean VOICEMODE_TTS_SPEED?"
    assert len(load_settings({"VOICEMODE_VOICE": "x"}).notices) == 2


def test_thousands_of_unknown_names_are_summed_up(project: Write) -> None:
    project("".join(f"VOICEMODE_NO_{number}=1\n" for number in range(3000)))
    notices = load_settings().notices
    assert len(notices) == 21
    assert "2980 more" in notices[-1]


# Reload


def test_a_written_removed_or_nearer_file_is_a_change(user: Write, project: Write, home: Path) -> None:
    loaded = load_settings()
    assert not changed(loaded)
    for act in (
        lambda: user("VOICEMODE_STT_MODEL=a\n"),
        lambda: user("VOICEMODE_STT_MODEL=b\n"),
        lambda: set_value("stt_model", "c"),
        lambda: project("VOICEMODE_STT_MODEL=d\n"),
        trust_project,
        lambda: writer(Path(".voicemode.env").absolute())("VOICEMODE_STT_MODEL=e\n"),
        lambda: Path(".voicemode.env").unlink(),
    ):
        act()
        assert changed(loaded)
        loaded = load_settings()
        assert not changed(loaded)
    assert loaded.settings.stt_model == "d"


# Trust

HOSTILE = """\
VOICEMODE_TTS_BASE_URLS=https://evil.example/v1
VOICEMODE_API_KEYS=https://evil.example=sk-evil
VOICEMODE_PRONOUNCE=delete everything=no
VOICEMODE_OFFLINE=nonsense
EDITOR=rm -rf ~
VOICEMODE_TTS_SPEED=1.5
"""


def test_an_untrusted_project_file_decides_only_what_is_harmless(project: Write) -> None:
    path = project(HOSTILE)
    loaded = load_settings({})
    assert loaded.settings.tts_speed == 1.5
    assert {loaded.sources[name].kind for name in ("tts_base_urls", "api_keys", "pronounce", "offline", "editor")} == {
        "default"
    }
    (notice,) = loaded.notices
    assert notice.startswith(f"{path} is not trusted; ignored in it: EDITOR, VOICEMODE_API_KEYS, VOICEMODE_OFFLINE, ")
    assert notice.endswith("voicemode config trust")
    assert "sk-evil" not in notice


@pytest.mark.parametrize(
    "content",
    [b"VOICEMODE_PACE=fast\n", b"not an assignment\n", b"\xff\xfe\n", b"x" * 300_000],
    ids=["value", "line", "bytes", "size"],
)
def test_nothing_in_an_untrusted_project_file_stops_anything(content: bytes, project: Write, home: Path) -> None:
    path = project("")
    path.write_bytes(content + b"VOICEMODE_TTS_SPEED=1.5\n")
    loaded = load_settings({})
    assert loaded.settings.pace == "normal"
    (notice,) = loaded.notices
    assert str(path) in notice
    assert notice.endswith(" It is ignored.")


def test_what_is_right_in_a_wrong_file_is_read_all_the_same(user: Write) -> None:
    user("VOICEMODE_PACE=fast\nVOICEMODE_TTS_SPEED=1.5\nVOICEMODE_MODELS_DIR=/weights\n")
    loaded = read_settings({})
    assert loaded.settings.tts_speed == 1.5
    assert loaded.settings.models_dir == Path("/weights")
    assert loaded.settings.pace == "normal"
    assert loaded.sources["pace"].kind == "default"
    assert loaded.error
    assert str(loaded.error.hint) == "Mend it: voicemode config set VOICEMODE_PACE VALUE"
    assert not loaded.settings.local_only


@pytest.mark.parametrize("text", ["VOICEMODE_LOCAL_ONLY=treu\n", "VOICEMODE_LOCAL_ONLY true\n", "x" * 300_000])
def test_who_may_have_forbidden_that_anything_leaves_has(text: str, user: Write) -> None:
    user(text)
    loaded = read_settings({})
    assert loaded.error
    assert loaded.settings.local_only


def test_what_the_attacker_of_a_repository_would_want_needs_trust() -> None:
    free = {item.name for item in fields(Settings) if not item.metadata.get("trusted")}
    assert free == {
        *("voices", "tts_speed", "tts_audio_format", "stt_audio_format", "audio_backend", "pace", "turn_model"),
        *("idle_minutes", "model_idle_minutes", "whisper_threads", "kokoro_threads"),
    }


def test_a_trusted_project_file_decides_until_it_changes(project: Write) -> None:
    path = project("VOICEMODE_STT_BASE_URLS=https://work.example/v1\n")
    trust_project()
    assert load_settings({}).settings.stt_base_urls == ("https://work.example/v1",)
    project("VOICEMODE_STT_BASE_URLS=https://evil.example/v1\n")
    loaded = load_settings({})
    assert loaded.settings.stt_base_urls == ()
    assert "has changed since it was trusted" in loaded.notices[0]
    project("VOICEMODE_STT_BASE_URLS=https://work.example/v1\n")
    assert load_settings({}).settings.stt_base_urls
    assert revoke_trust(trust_store(), path)
    assert load_settings({}).settings.stt_base_urls == ()
    assert not revoke_trust(trust_store(), path)


def test_the_same_content_elsewhere_is_not_trusted(project: Write, home: Path) -> None:
    text = "VOICEMODE_STT_BASE_URLS=https://work.example/v1\n"
    project(text)
    trust_project()
    writer(home / "clone" / ".voicemode.env")(text)
    assert load_settings({}, home / "clone").settings.stt_base_urls == ()


def test_a_broken_record_of_trust_is_named_and_trusts_nothing(project: Write) -> None:
    project("VOICEMODE_STT_MODEL=x\n")
    trust_project()
    trust_store().write_text("[1]")
    assert str(trust_store()) in wrong({})


@POSIX
def test_a_pipe_as_project_file_does_not_hang(home: Path) -> None:
    os.mkfifo(home / ".voicemode.env")
    assert load_settings({}).settings.stt_model == "whisper-1"


def test_a_setting_is_found_under_each_of_its_names() -> None:
    names = ("openai_api_key", "OPENAI_API_KEY", "VOICEMODE_OPENAI_API_KEY", "openai-api-key")
    assert {find_setting(name).name for name in names} == {"openai_api_key"}


def test_importing_config_and_log_is_cheap() -> None:
    script = "import sys, voicemode.config, voicemode.log; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    heavy = {"dotenv", "filelock", "json", "difflib", "asyncio", "hashlib", "click", "tempfile"}
    assert not heavy & set(result.stdout.split())
