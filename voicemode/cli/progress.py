"""Progress on stderr: a line for each stage, and a bar for a stage with a known total."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import click

from voicemode.progress import Progress
from voicemode.text.tables import shortened

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

BAR = 16
MEASURE = 36
"""Most columns of the measure beside the bar."""
STEP = 10
"""Percent between two lines where the output is no terminal."""


class TerminalProgress:
    """A `Report` for a person at a terminal, or for a file."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last = ("", 0)
        """Title of the last measured progress, and its step."""
        self._bar: ProgressBar[Progress] | None = None

    def __call__(self, progress: Progress) -> None:
        before, self._last = self._last, (progress.title, int(STEP * progress.done / (progress.total or 1)))
        if not progress.total:
            self._write(f"{progress} …")
        elif self._out.isatty():
            self._draw(progress, anew=before[0] != progress.title)
        elif before != self._last:
            self._write(str(progress))

    def end_line(self) -> None:
        """Finish the line of the bar."""
        if self._bar:
            self._bar.render_finish()
        self._bar = None

    def _draw(self, progress: Progress, *, anew: bool) -> None:
        if anew or self._bar is None:
            self.end_line()
            label = shortened(progress.title, max(0, shutil.get_terminal_size().columns - BAR - MEASURE - 6))
            self._bar = click.progressbar(
                length=round(progress.total),
                label=label,
                show_eta=False,
                show_percent=False,
                item_show_func=lambda now: now.measure if now else "",
                width=BAR if label else 0,
                file=self._out,
            )
        self._bar.update(round(progress.done) - self._bar.pos, progress)

    def _write(self, line: str) -> None:
        self.end_line()
        click.echo(line, file=self._out)


@contextmanager
def progress_shown() -> Iterator[TerminalProgress]:
    """Yield a report that shows progress on stderr."""
    reporting = TerminalProgress(sys.stderr)
    try:
        yield reporting
    finally:
        reporting.end_line()
