"""Failures as a person at a terminal reads them: what happened, what to do about it, and an exit code. No traceback."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import click

from voicemode.cli.terminal import columns
from voicemode.errors import VoiceModeError


@contextmanager
def plain_errors() -> Iterator[None]:
    """Show failures as a sentence, not a traceback; cancelling and Ctrl-C become an exit code."""
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
    """Show failures only, without importing asyncio."""
    try:
        yield
    except VoiceModeError as error:
        raise click.ClickException(told(error)) from error


def told(error: VoiceModeError) -> str:
    """Return the text of a failure, with its remedy below it."""
    return "\n".join([error.message, *error.hint.lines(columns())])


def unexpected(error: Exception) -> str:
    """Write what nobody saw coming to the log; return a line that says where it is."""
    from voicemode.config import Settings, load_settings
    from voicemode.log import record_crash

    try:
        settings = load_settings().settings
    except VoiceModeError:
        settings = Settings()
    path = record_crash(error, settings.logs_dir, secrets=settings.secrets)
    where = f"The log has the details: {path}" if path else "There is no log: its folder cannot be written."
    return f"Error: VoiceMode failed ({type(error).__name__}). {where}"
