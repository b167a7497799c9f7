"""Failures shown at a terminal: the cause, the remedy and an exit code; the details are in the log."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import click

from voicemode.cli.terminal import columns
from voicemode.errors import VoiceModeError

UNFORESEEN = 70
"""Exit code for a bug of ours: EX_SOFTWARE."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """Show failures as a sentence, not a traceback; turn cancellation and Ctrl-C into an exit code."""
    from asyncio import CancelledError

    try:
        with plain_failures():
            yield
    except CancelledError:
        raise click.exceptions.Exit(128 + signal.SIGTERM) from None
    except KeyboardInterrupt:
        raise click.exceptions.Exit(128 + signal.SIGINT) from None


@contextmanager
def plain_failures() -> Iterator[None]:
    """Like `plain_errors`, but for failures only, without importing asyncio."""
    try:
        yield
    except VoiceModeError as error:
        raise click.ClickException(told(error)) from error


def told(error: VoiceModeError) -> str:
    """Return the message of a failure, followed by its remedy."""
    return "\n".join([error.message, *error.hint.lines(columns())])


def report_unforeseen(error: Exception) -> int:
    """Log an unexpected failure, tell the person in one line, and return the exit code."""
    from voicemode import log
    from voicemode.config import read_settings

    settings = read_settings().settings
    path = log.record_failure(error, settings.logs_dir, secrets=settings.secrets)
    where = f"The log has the details: {path}" if path else "Its log cannot be written."
    click.echo(f"Error: VoiceMode failed by a fault of its own ({type(error).__name__}). {where}", err=True)
    return UNFORESEEN
