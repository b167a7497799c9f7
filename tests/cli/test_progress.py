"""How a long step looks at a terminal, and in a file."""

import io
import re

import pytest

from voicemode.cli.progress import TerminalProgress
from voicemode.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def fetching(percent: int, what: str = "x from h:80") -> Progress:
    return Progress("downloading", what, done=percent * 9e4, total=9e6)


def shown(out: io.StringIO, *stages: Progress) -> str:
    reporting = TerminalProgress(out)
    for stage in stages:
        reporting(stage)
    reporting.end_line()
    return re.sub(r"\x1b\[\?25[lh]", "", out.getvalue())


def test_at_a_terminal_how_far_it_is_is_drawn_anew_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = shown(Terminal(), fetching(1), fetching(50), Progress("loading", "it"))
    drawn, rest = text.strip("\r\n").split("\n")
    bars = [" ".join(line.split()) for line in drawn.split("\r")]
    assert "downloading x from h:… [----------------] 1 % of 9 MB" in bars
    assert "downloading x from h:… [########--------] 50 % of 9 MB" in bars
    assert rest.strip() == "loading it …"


def test_the_next_thing_gets_a_line_of_its_own() -> None:
    assert shown(Terminal(), fetching(9, "x"), fetching(9, "y")).count("\n") == 2


def test_a_narrow_terminal_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = shown(Terminal(), fetching(9, "something from somewhere"))
    assert max(map(len, re.split(r"[\r\n]", text))) <= 40


def test_in_a_file_there_is_a_line_for_each_tenth() -> None:
    lines = shown(io.StringIO(), Progress("examining"), *map(fetching, range(101))).splitlines()
    assert lines == ["examining …", *(f"downloading x from h:80: {percent} % of 9 MB" for percent in range(0, 101, 10))]
