"""`voicemode transcribe`, as a person types it, with a server that has our API and no model."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import tone
from tests.support.mcp_client import COMMAND, environment
from voicemode.audio.frames import Frame, silence
from voicemode.audio.wav import wav_bytes
from voicemode.cli.transcribe import Parts
from voicemode.engines.server.loaded_models import LoadedModels
from voicemode.engines.whisper.api import whisper_app
from voicemode.engines.whisper.transcript import Options, Segment
from voicemode.progress import nobody
from voicemode.speech.base import FilePart

if TYPE_CHECKING:
    from tests.support.engines_kokoro import Serve

PATIENCE = 60
RATE = 16_000


class Typist:
    """An engine without a model: writes a line for each second that is not silent, and asked in Welsh, only the first two."""

    def transcribe(
        self, frames: Iterable[Frame], options: Options, cancelled: threading.Event, give_way: Callable[[], None]
    ) -> Iterator[Segment]:
        pcm = b"".join(frame.pcm for frame in frames)
        for second in range(len(pcm) // (2 * RATE) if any(pcm) else 0):
            if options.language == "cy" and second == 2:
                cancelled.wait(PATIENCE)
                return
            text = f" engine x {second}"
            yield Segment(start_seconds=second, end_seconds=second + 1, text=text, language="en")


@pytest.fixture
def url(serve: "Serve") -> str:
    return serve(whisper_app(LoadedModels(lambda _: Typist(), "base")))


def environ(url: str) -> dict[str, str]:
    return environment(
        VOICEMODE_AUTO_START="false",
        VOICEMODE_STT_BASE_URLS=url,
        VOICEMODE_PRONOUNCE="nginx=engine x",
    )


def transcribe(url: str, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    """Exit code, standard output, stderr."""
    command = [*COMMAND, "transcribe", *arguments]
    done = subprocess.run(command, capture_output=True, input=stdin, env=environ(url), check=False, timeout=PATIENCE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    file = tmp_path / "clip.wav"
    file.write_bytes(wav_bytes(tone(2.0, RATE)))
    return file


def test_several_files_and_standard_input_are_taken_and_told_apart(url: str, clip: Path) -> None:
    code, out, _ = transcribe(url, str(clip), "-", stdin=wav_bytes(tone(1.0, RATE)))
    assert (code, out) == (0, f"==> {clip} <==\nnginx 0 nginx 1\n==> - <==\nnginx 0\n")


def test_no_line_of_the_log_is_printed(url: str, clip: Path, home: Path) -> None:
    command = [*COMMAND, "transcribe", str(clip)]
    env = environ(url) | {"VOICEMODE_LOG_LEVEL": "debug"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=True, timeout=PATIENCE)
    assert (done.stdout, done.stderr.count("DEBUG")) == ("nginx 0 nginx 1\n", 0)
    assert "DEBUG" in (home / ".voicemode/logs/voicemode.log").read_text()


def test_subtitles_have_the_words_of_the_user(url: str, clip: Path) -> None:
    code, out, _ = transcribe(url, str(clip), "--response-format", "srt")
    assert (code, out.splitlines()[:3]) == (0, ["1", "00:00:00,000 --> 00:00:01,000", "nginx 0"])


def test_silence_is_said_to_be_none(url: str, tmp_path: Path) -> None:
    (tmp_path / "quiet.wav").write_bytes(wav_bytes(silence(1, RATE)))
    code, out, err = transcribe(url, str(tmp_path / "quiet.wav"))
    assert (code, out) == (0, "")
    assert "quiet.wav: No speech was heard." in err


def test_what_is_no_audio_file_is_said_without_asking_a_service(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Buy milk.\n" * 100)
    nowhere = "http://127.0.0.1:9/v1"
    assert transcribe(nowhere, str(tmp_path))[2].endswith("is a directory.\n→ Name the audio files in it.\n")
    assert "notes.txt is not an audio file" in transcribe(nowhere, str(tmp_path / "notes.txt"))[2]
    code, _, err = transcribe(nowhere)
    assert (code, "Missing argument" in err) == (2, True)


def test_ctrl_c_keeps_what_is_done(url: str, tmp_path: Path) -> None:
    (tmp_path / "long.wav").write_bytes(wav_bytes(tone(90.0, RATE)))
    command = [*COMMAND, "transcribe", str(tmp_path / "long.wav"), "--language", "cy"]
    reader, writer = os.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=writer, env=environ(url)) as process:
        os.close(writer)
        shown = until(reader, b"2 %")
        process.send_signal(signal.SIGINT)
        shown += rest(reader)
        assert process.stdout
        out = process.stdout.read().decode()
        assert process.wait(PATIENCE) == 130
    assert out == "engine x 0 engine x 1\n"
    assert b"long.wav: stopped at 00:00:02 of 00:01:30." in shown


def until(reader: int, *wanted: bytes) -> bytes:
    """What the terminal shows until all of `wanted` was there."""
    shown = b""
    while not all(each in shown for each in wanted):
        try:
            shown += os.read(reader, 4096)
        except OSError as error:  # the program has ended
            raise AssertionError(shown.decode()) from error
    return shown


def rest(reader: int) -> bytes:
    shown = b""
    try:
        while chunk := os.read(reader, 4096):
            shown += chunk
    except OSError:  # the other end is closed
        pass
    return shown


def test_an_endpoint_that_begins_anew_replaces_what_the_one_before_it_had() -> None:
    parts = Parts("a.mp3", nobody)
    for start, text in ((0, " one"), (5, " two"), (0, " eins")):
        parts(FilePart(text, start, start + 5, 0))
    assert (parts.text("text"), parts.how_far) == ("eins", "00:00:05")
    assert parts.text("srt") == "1\n00:00:00,000 --> 00:00:05,000\neins"
