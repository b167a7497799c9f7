"""Expected failures as a sentence and an exit code."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import click

from voicemode.errors import VoiceModeError


@contextmanager
def plain_errors() -> Iterator[None]:
    """Show expected failures as a sentence, not a traceback; cancelling and Ctrl-C become an exit code."""
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
    """Show expected failures only, without importing asyncio."""
    try:
        yield
    except VoiceModeError as error:
        raise click.ClickException(str(error)) from error
