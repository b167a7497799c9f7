"""Expected failures as a sentence and an exit code."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import click

from voicemode.errors import VoiceModeError


@contextmanager
def plain_errors() -> Iterator[None]:
    """What we expect to go wrong is said in a sentence, not in a traceback."""
    try:
        yield
    except VoiceModeError as error:
        raise click.ClickException(str(error)) from error
    except asyncio.CancelledError:
        raise click.exceptions.Exit(128 + signal.SIGTERM) from None
    except KeyboardInterrupt:
        raise click.exceptions.Exit(128 + signal.SIGINT) from None
