"""`voicemode transcribe`: several files or standard input, with progress for long ones and partial results at Ctrl-C."""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, get_args

import click

from voicemode.cli.errors import plain_errors
from voicemode.cli.tools import running_app
from voicemode.engines.whisper.subtitles import Cue, clock, srt, vtt
from voicemode.progress import Progress, ProgressCounter, Report
from voicemode.speech.base import FilePart
from voicemode.tools.transcribe import SILENT, Format, Transcription, transcribed

if TYPE_CHECKING:
    from voicemode.app import App

LONG_SECONDS = 60.0
"""Longest file, in seconds, that shows no progress."""
STDIN = "-"


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--language", default="", help="Language spoken, as an ISO 639-1 code; detected if empty.")
@click.option(
    "--response-format",
    type=click.Choice(get_args(Format)),
    default="text",
    show_default=True,
    help="Plain text, subtitles, or JSON with times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON, a line for each file.")
def transcribe(files: Sequence[str], language: str, response_format: Format, as_json: bool) -> None:
    """Transcribe audio files; also the way to retry a turn whose recording was kept.

    FILE: Path of an audio file, of any common format; - is standard input. Ctrl-C prints the part transcribed so far.
    """
    output = Output(response_format, as_json=as_json, several=len(files) > 1)
    with plain_errors():
        asyncio.run(all_of(files, language, output))


class Output:
    """Prints results on standard output, and remarks about them on stderr."""

    def __init__(self, response_format: Format, *, as_json: bool, several: bool) -> None:
        self.format = response_format
        self._as_json = as_json
        self._several = several
        self._out = sys.stdout
        """Standard output, which is redirected while the program runs."""

    def show(self, file: str, result: Transcription) -> None:
        if self._as_json:
            click.echo(json.dumps({"file": file, **asdict(result)} if self._several else asdict(result)), file=self._out)
            return
        if self._several:
            click.echo(f"==> {file} <==", file=self._out)
        if result.text:
            click.echo(result.text, file=self._out)
        else:
            click.echo(f"{file}: {SILENT}", err=True)

    def show_unfinished(self, file: str, parts: "Parts") -> None:
        """Show the part of `file` that was transcribed, and where it ends."""
        if not parts.heard:
            click.echo(f"{file}: stopped before anything was transcribed.", err=True)
            return
        self.show(file, Transcription(parts.text(self.format), "", f"stopped at {parts.how_far}"))
        click.echo(f"{file}: stopped at {parts.how_far}.", err=True)


class Parts:
    """The transcribed parts of a file; progress is reported for a long file."""

    def __init__(self, name: str, report: Report) -> None:
        self.heard: list[FilePart] = []
        self._name = name
        self._report = report
        self._counter: ProgressCounter | None = None

    def __call__(self, part: FilePart) -> None:
        reached = self.heard[-1].end_seconds if self.heard else 0.0
        if self.heard and part.start_seconds < self.heard[-1].start_seconds:
            self.heard.clear()  # another endpoint has started over
        self.heard.append(part)
        if part.total_seconds > LONG_SECONDS:
            if self._counter is None:
                start = Progress("transcribing", self._name, total=part.total_seconds, unit="seconds")
                self._counter = ProgressCounter(start, self._report)
            self._counter.advance(part.end_seconds - reached)

    @property
    def how_far(self) -> str:
        """Position as in `00:12:30 of 01:00:00`."""
        reached, total = self.heard[-1].end_seconds, self.heard[-1].total_seconds
        return f"{clock(reached, '.')[:8]} of {clock(total, '.')[:8]}" if total else clock(reached, ".")[:8]

    def text(self, response_format: Format) -> str:
        """Return the text so far, as subtitles for srt and vtt, else plain."""
        if response_format in ("srt", "vtt"):
            cues = [Cue(part.start_seconds, part.end_seconds, part.text.strip()) for part in self.heard]
            return (srt if response_format == "srt" else vtt)(cues).strip()
        return "".join(part.text for part in self.heard).strip()


async def all_of(files: Sequence[str], language: str, output: Output) -> None:
    """Transcribe one file after the other. When cancelled, show the transcribed part of the current file."""
    async with running_app() as app:
        for file in files:
            parts = Parts(file, app.report)
            try:
                result = await one(app, file, language, output.format, parts)
            except asyncio.CancelledError:
                output.show_unfinished(file, parts)
                raise
            output.show(file, result)


async def one(app: "App", file: str, language: str, response_format: Format, parts: Parts) -> Transcription:
    with readable(file) as path:
        return await transcribed(app, path, language, response_format, parts)


@contextmanager
def readable(file: str) -> Iterator[str]:
    """Yield `file`, or for standard input the path of a temporary copy. Blocks."""
    if file != STDIN:
        yield file
        return
    with tempfile.NamedTemporaryFile(prefix="voicemode-") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        yield copy.name
