"""How a long step looks at a terminal, and in a file."""

import asyncio
import io

from voicemode.cli.progress import Stages, bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(out: io.StringIO, *stages: str, columns: int = 80) -> str:
    async def report() -> None:
        reporting = Stages(out, columns)
        for stage in stages:
            await reporting(stage)
        reporting.end_line()

    asyncio.run(report())
    return out.getvalue()


def test_a_bar_fills_from_the_left() -> None:
    assert bar(0) == "[" + " " * 24 + "]"
    assert bar(50) == "[" + "#" * 12 + " " * 12 + "]"
    assert bar(100) == "[" + "#" * 24 + "]"


def test_at_a_terminal_how_far_it_is_is_drawn_anew_in_one_line() -> None:
    text = shown(Terminal(), "fetching x from h:80: 1 % of 9 MB", "fetching x from h:80: 50 % of 9 MB", "loading")
    first, second, rest = text.split("\r")[1:][0], *text.split("\r")[2].split("\n", 1)
    assert first.rstrip() == f"{bar(1)}   1 % of 9 MB  fetching x from h:80"
    assert second.rstrip() == f"{bar(50)}  50 % of 9 MB  fetching x from h:80"
    assert rest == "loading …\n"


def test_the_next_thing_gets_a_line_of_its_own() -> None:
    assert shown(Terminal(), "fetching x: 9 % of 9 MB", "fetching y: 9 % of 9 MB").count("\n") == 2


def test_a_narrow_terminal_never_wraps() -> None:
    text = shown(Terminal(), "fetching something from somewhere: 9 % of 9 MB", columns=40)
    assert len(text.strip("\r\n")) == 39


def test_in_a_file_there_is_a_line_for_each_tenth() -> None:
    stages = [f"fetching x: {percent} % of 9 MB" for percent in range(101)]
    lines = shown(io.StringIO(), "examining", *stages).splitlines()
    assert lines == ["examining …", *(f"fetching x: {percent} % of 9 MB" for percent in range(0, 101, 10))]
