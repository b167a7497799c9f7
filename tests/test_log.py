"""Where log lines go, and what is never in them."""

import io
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from voicemode.log import FILE_BYTES, HIDDEN, PrivateFileHandler, StderrHandler, configure, configure_file, redact

OURS = logging.getLogger("voicemode.test")


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    """Puts the handlers and levels of the whole process back."""
    root, ours = logging.getLogger(), logging.getLogger("voicemode")
    levels = root.level, ours.level
    yield
    for handler in [handler for handler in root.handlers if isinstance(handler, StderrHandler | PrivateFileHandler)]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def test_lines_go_to_stderr_and_the_file_and_never_to_stdout(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", home / "logs")
    OURS.info("hello")
    OURS.debug("not at this level")
    logging.getLogger("library").info("not from libraries")
    logging.getLogger("library").warning("careful")
    written = (home / "logs" / "voicemode.log").read_text()
    out, err = capsys.readouterr()
    assert out == ""
    assert err == written
    assert [line.rpartition(": ")[2] for line in written.splitlines()] == ["hello", "careful"]


def test_keys_are_redacted_also_in_tracebacks(home: Path) -> None:
    configure("debug", home, secrets=["swordfish", "swordfish-2", ""])
    try:
        int("swordfish-2")
    except ValueError:
        OURS.exception("Authorization: %s", "Bearer abc.def")
    text = (home / "voicemode.log").read_text()
    assert f"Authorization: Bearer {HIDDEN}" in text
    assert f"with base 10: '{HIDDEN}'" in text
    assert "swordfish" not in text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("key sk-proj-abc_123 end", f"key {HIDDEN} end"),
        ('{"authorization": "bearer xyz"}', f'{{"authorization": "bearer {HIDDEN}"}}'),
        ("a task-force of risk-averse people", "a task-force of risk-averse people"),
        ("the bearer", "the bearer"),
    ],
)
def test_what_looks_like_a_key_is_redacted(text: str, redacted: str) -> None:
    assert redact(text) == redacted


def test_a_traceback_is_in_the_file_and_not_on_the_terminal(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", home)
    OURS.error("It broke %s", "off", exc_info=OSError("gone"))
    assert capsys.readouterr().err.endswith("It broke off (OSError)\n")
    assert "OSError: gone" in (home / "voicemode.log").read_text()


def test_a_name_that_is_no_text_is_logged(home: Path) -> None:
    handler = PrivateFileHandler(home / "log")
    handler.handle(logging.makeLogRecord({"msg": "h\udcffi.wav"}))
    handler.close()
    assert (home / "log").read_text() == "h\\udcffi.wav\n"


def test_configuring_again_replaces_what_was_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", home / "one")
    configure("error", home / "two")
    OURS.warning("quiet")
    OURS.error("loud")
    assert capsys.readouterr().err.count("loud") == 1
    assert (home / "one" / "voicemode.log").read_text() == ""
    assert "quiet" not in (home / "two" / "voicemode.log").read_text()


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX")
def test_files_are_private_and_rotate(home: Path) -> None:
    configure("info", home / "logs")
    for _ in range(5):
        OURS.info("x" * (FILE_BYTES // 2 + 100))
    files = sorted((home / "logs").iterdir())
    assert [path.name for path in files] == ["voicemode.log", "voicemode.log.1", "voicemode.log.2"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (home / "logs").stat().st_mode & 0o777 == 0o700


def test_whoever_else_appends_to_a_log_goes_on_in_it_after_it_was_rotated(home: Path) -> None:
    configure_file("info", home / "whisper.log")
    with (home / "whisper.log").open("a") as stderr:
        OURS.info("x" * (FILE_BYTES - 100))
        OURS.info("rotates")
        stderr.write("crash\n")
    assert (home / "whisper.log").read_text().endswith("rotates\ncrash\n")
    assert (home / "whisper.log.1").stat().st_size > FILE_BYTES - 100


def test_a_directory_that_cannot_be_written_costs_only_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").write_text("")
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    configure("info", home / "file" / "logs")
    OURS.info("still here")
    assert "No log file in" in stderr.getvalue()
    assert "still here" in stderr.getvalue()
