"""Why a server ended, as it writes that down itself and as its supervisor saw it."""

import json
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.mcp_client import COMMAND, environment
from voicemode.config import Settings
from voicemode.errors import Remedy, ServiceError
from voicemode.services.failure import ServerFailure, explain, failure_file, load_failure, noting_failure, understand


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(base_dir=tmp_path / "base")


def test_what_ends_a_server_is_written_down_for_its_owner_and_forgotten_at_the_next_start(settings: Settings) -> None:
    with pytest.raises(ServiceError), noting_failure("whisper", settings):
        raise ServiceError("Cannot listen on 127.0.0.1:1.", hint="Choose another port.")
    noted = ServerFailure("Cannot listen on 127.0.0.1:1.", Remedy("Choose another port."))
    assert load_failure("whisper", settings) == noted
    assert load_failure("kokoro", settings) is None
    assert failure_file("whisper", settings).stat().st_mode & 0o777 == 0o600
    with noting_failure("whisper", settings):
        assert load_failure("whisper", settings) is None


def test_being_asked_to_end_is_no_failure(settings: Settings) -> None:
    with pytest.raises(KeyboardInterrupt), noting_failure("whisper", settings):
        raise KeyboardInterrupt
    assert load_failure("whisper", settings) is None


@pytest.mark.parametrize("written", ["", "[]", "{", '{"cause": "x", "colour": 1}'])
def test_a_damaged_note_is_none(written: str, settings: Settings) -> None:
    failure_file("whisper", settings).parent.mkdir(parents=True)
    failure_file("whisper", settings).write_text(written)
    assert load_failure("whisper", settings) is None


@pytest.mark.parametrize(
    ("error", "cause", "remedy"),
    [
        (ModuleNotFoundError("No module named 'x'"), "Its environment is incomplete (Mod", "voicemode service install whisper"),
        (MemoryError(), "It ran out of memory (MemoryError", "voicemode models"),
        (OSError(12, "Cannot allocate memory"), "It ran out of memory (OSError", "voicemode models"),
        (OSError(28, "No space left on device"), "The disk is full.", "voicemode service start whisper"),
        (PermissionError(13, "Permission denied", "/x"), "It may not write where it has to (Perm", "who owns that folder"),
        (OSError(30, "Read-only file system", "/x"), "It may not write where it has to (OSError", "who owns that folder"),
        (ServiceError("It is broken.", hint="Mend it."), "It is broken.", "Mend it."),
        (KeyError("x"), "It failed: KeyError: 'x'", "voicemode service logs whisper"),
    ],
)
def test_a_failure_has_a_cause_in_words_and_a_remedy(error: Exception, cause: str, remedy: str) -> None:
    failure = understand("whisper", error)
    assert failure.cause.startswith(cause)
    assert remedy in str(failure.remedy)


@pytest.mark.parametrize(
    ("reason", "cause", "remedy"),
    [
        ("out of memory", "It ran out of memory.", "voicemode models"),
        ("signal 9", "It was killed, as the system does when memory runs out.", "voicemode models"),
        ("signal 11", "Its engine crashed.", "voicemode service install whisper"),
        ("signal 4", "This processor lacks instructions", "VOICEMODE_TTS_BASE_URLS"),
        ("exit code 203", "Its environment is incomplete.", "voicemode service install whisper"),
        ("exit code 3", "It ended with exit code 3: I am off.", "voicemode service logs whisper"),
        ("", "It ended: I am off.", "voicemode service logs whisper"),
    ],
)
def test_of_what_wrote_nothing_down_its_supervisor_saw_the_end(reason: str, cause: str, remedy: str) -> None:
    failure = explain("whisper", None, reason, "I am off.")
    assert failure.cause.startswith(cause)
    assert remedy in str(failure.remedy)


def test_what_it_wrote_down_counts_before_what_was_seen() -> None:
    noted = ServerFailure("The disk is full.")
    assert explain("whisper", noted, "exit code 1", "x") == noted


@pytest.fixture
def environ(home: Path) -> Mapping[str, str]:
    return environment(VOICEMODE_SUPERVISOR="none", VOICEMODE_OFFLINE="true", VOICEMODE_WHISPER_MODEL="small")


@pytest.mark.parametrize("command", [("serve", "whisper"), ("serve", "kokoro"), ("serve", "livekit"), ("frontend",)])
def test_every_server_writes_its_failure_down(command: tuple[str, ...], environ: Mapping[str, str], home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, *command, "--port", port],
            env={**environ, "PATH": str(home)},  # no program of LiveKit's is found there
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1, done.stderr
    noted = json.loads((home / f".voicemode/state/{command[-1]}-failure.json").read_text())
    assert noted["cause"] in done.stderr
