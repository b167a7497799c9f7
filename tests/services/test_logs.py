"""The end of a log, and following it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from voicemode.services.logs import follow, last_words, tail

pytestmark = pytest.mark.anyio


def test_the_tail_goes_on_in_the_log_that_was_just_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "whisper.log"
    assert tail(log, 5) == []
    log.with_name("whisper.log.1").write_text("one\ntwo\nthree\n")
    log.write_text("four\n")
    assert tail(log, 3) == ["two", "three", "four"]
    assert tail(log, 1) == ["four"]
    assert tail(log, 0) == []
    log.write_text("four\n five \n\n")
    assert last_words(log) == "five"


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
