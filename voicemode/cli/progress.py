"""Progress on stderr: a line for each stage, and a bar for a stage that is measured."""

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

PERCENT = re.compile(r"(?P<about>.*): (?P<percent>\d{1,3}) % (?P<rest>.*)")
"""How a stage says how far it is."""
BAR = 24
STEP = 10
"""Percent between two lines where nobody can see a bar."""


class Stages:
    """A `Report` for a person at a terminal, or for a file."""

    def __init__(self, out: TextIO, columns: int) -> None:
        self._out = out
        self._columns = columns
        self._line = ("", 0)
        """Subject of the last percentage, and its step."""
        self._open = False

    async def __call__(self, stage: str) -> None:
        match = PERCENT.fullmatch(stage)
        if match is None:
            self.end_line()
            self._write(f"{stage} …\n")
        elif self._out.isatty():
            self._draw(match["about"], int(match["percent"]), match["rest"])
        elif self._line != (line := (match["about"], int(match["percent"]) // STEP)):
            self._line = line
            self._write(f"{stage}\n")

    def end_line(self) -> None:
        """Leave the bar as it is."""
        if self._open:
            self._write("\n")
        self._open = False

    def _draw(self, about: str, percent: int, rest: str) -> None:
        if about != self._line[0]:
            self.end_line()
        self._line, self._open = (about, 0), True
        text = f"{bar(percent)} {percent:3} % {rest}  {about}"
        width = self._columns - 1
        self._write(f"\r{text[:width]:{width}}")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def bar(percent: int) -> str:
    """`[######                  ]`."""
    return f"[{'#' * (BAR * percent // 100):{BAR}}]"


@contextmanager
def stages() -> Iterator[Stages]:
    """Stages on stderr."""
    reporting = Stages(sys.stderr, shutil.get_terminal_size().columns)
    try:
        yield reporting
    finally:
        reporting.end_line()
