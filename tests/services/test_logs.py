"""What the log of a service says of its ending."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from voicemode.services.logs import explain, follow, last_error, tail

pytestmark = pytest.mark.anyio

LOADED = "2026-11-22 10:00:00,123 INFO voicemode.engines.server.server[7]: Idle for 15 minutes: ending."
FAILED = "2026-11-22 10:00:00,123 ERROR voicemode.engines.server.queue[7]: The engine could not be loaded."
TRACEBACK = """\
Traceback (most recent call last):
  File "/home/x/whisper_engine.py", line 3, in load
    import ctranslate2
ModuleNotFoundError: No module named 'ctranslate2'""".splitlines()


def test_the_last_error_is_what_a_traceback_ends_with() -> None:
    assert last_error([FAILED, *TRACEBACK, LOADED]) == "ModuleNotFoundError: No module named 'ctranslate2'"


def test_the_last_error_of_a_chain_counts() -> None:
    chain = [*TRACEBACK, "", "The above exception was the direct cause of the following exception:", ""]
    again = ["Traceback (most recent call last):", '  File "x.py", line 1', "voicemode.errors.ServiceError: It is broken."]
    assert last_error([*chain, *again]) == "ServiceError: It is broken."


def test_an_error_that_was_told_or_logged_counts_too() -> None:
    assert last_error(["Error: Cannot listen on 127.0.0.1:2022."]) == "Cannot listen on 127.0.0.1:2022."
    assert last_error([LOADED, FAILED]) == "The engine could not be loaded."
    assert last_error([LOADED]) == ""


@pytest.mark.parametrize(
    ("lines", "reason", "cause", "remedy"),
    [
        (TRACEBACK, "exit code 1", "Its environment is incomplete (ModuleNotFoundError: No module", "service install whisper"),
        ([*TRACEBACK[:2], "MemoryError"], "exit code 1", "It ran out of memory (MemoryError).", "voicemode models"),
        ([], "out of memory", "It ran out of memory.", "voicemode models"),
        (
            [*TRACEBACK[:2], "OSError: [Errno 28] No space left on device"],
            "exit code 1",
            "The disk is full",
            "voicemode service start whisper",
        ),
        ([], "signal 9", "It was killed, as the system does when memory runs out.", "voicemode models"),
        ([], "signal 11", "Its engine crashed.", "voicemode service install whisper"),
        ([], "signal 4", "This processor lacks instructions", "VOICEMODE_TTS_BASE_URLS"),
        (
            ["Error: Cannot listen on 127.0.0.1:2022: another program, perhaps another VoiceMode server, has that port."],
            "exit code 1",
            "Its port is taken by another program",
            "voicemode config set VOICEMODE_WHISPER_PORT NUMBER",
        ),
        (["Error: Weights cannot be kept in /x: denied."], "exit code 1", "Its weights are missing", "service install whisper"),
        (
            ["Error: VOICEMODE_X is 'y'; it must be a number."],
            "exit code 1",
            "One of its settings is wrong",
            "voicemode config",
        ),
        (["Error: [Errno 13] Permission denied: '/x'"], "exit code 1", "It may not write where it has to", "service logs"),
        ([], "exit code 203", "Its environment is incomplete.", "voicemode service install whisper"),
        (["I am off."], "exit code 3", "It ended with exit code 3: I am off.", "voicemode service logs whisper"),
        ([], "", "It ended: it wrote nothing", "voicemode service logs whisper"),
    ],
)
def test_an_ending_is_explained_in_words_with_a_remedy(lines: list[str], reason: str, cause: str, remedy: str) -> None:
    ending = explain(lines, reason, name="whisper", port="VOICEMODE_WHISPER_PORT")
    assert ending.cause.startswith(cause)
    assert remedy in str(ending.remedy)


def test_what_our_own_supervisor_logs_is_not_taken_for_the_cause() -> None:
    gives_up = "2026-11-22 10:00:00,123 ERROR voicemode.watchman[7]: It crashed 5 times within 60 s, the last time with 1."
    ending = explain([*TRACEBACK, gives_up], "exit code 1", name="whisper", port="")
    assert ending.cause.startswith("Its environment is incomplete (ModuleNotFoundError")
    assert explain(["I am off.", gives_up], "exit code 3", name="whisper", port="").cause.endswith(": I am off.")


def test_the_tail_goes_on_in_the_log_that_was_just_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "whisper.log"
    assert tail(log, 5) == []
    log.with_name("whisper.log.1").write_text("one\ntwo\nthree\n")
    log.write_text("four\n")
    assert tail(log, 3) == ["two", "three", "four"]
    assert tail(log, 1) == ["four"]
    assert tail(log, 0) == []


def test_the_tail_of_a_long_log_is_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "whisper.log"
    log.write_text("".join(f"line {number}\n" for number in range(100_000)))
    lines = tail(log, 50_000)
    assert lines[-1] == "line 99999"
    assert all(line.startswith("line ") for line in lines)


async def reader(path: Path, lines: "asyncio.Queue[str]") -> None:
    async for line in follow(path):
        lines.put_nowait(line)


@pytest.fixture
async def followed(tmp_path: Path) -> AsyncIterator[tuple[Path, "asyncio.Queue[str]"]]:
    """A log that is followed, from the moment its second line comes."""
    log, lines = tmp_path / "whisper.log", asyncio.Queue[str]()
    log.write_text("before\n")
    task = asyncio.create_task(reader(log, lines))
    try:
        while lines.empty():
            with log.open("a") as file:
                file.write("begin\n")
            await asyncio.wait([task], timeout=0.05)
        yield log, lines
    finally:
        task.cancel()


async def next_other_than_begin(lines: "asyncio.Queue[str]") -> str:
    async with asyncio.timeout(10):
        while (line := await lines.get()) == "begin":
            pass
        return line


async def test_a_log_is_followed_across_both_kinds_of_rotation(followed: tuple[Path, "asyncio.Queue[str]"]) -> None:
    log, lines = followed
    with log.open("a") as file:
        file.write("the last of the old one\n")
    log.replace(log.with_name("whisper.log.1"))
    log.write_text("the first of the new one\n")
    assert await next_other_than_begin(lines) == "the last of the old one"
    assert await next_other_than_begin(lines) == "the first of the new one"
    log.write_text("emptied\nin two")
    assert await next_other_than_begin(lines) == "emptied"
    with log.open("a") as file:
        file.write(" parts\n")
    assert await next_other_than_begin(lines) == "in two parts"
