"""`voicemode serve …`: the MCP server, and the local speech servers in the foreground."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args

import click

from voicemode import __version__, egress, log
from voicemode.cli.errors import plain_errors
from voicemode.config import Settings, WhisperModel, load_settings

GREETING = f"""\
VoiceMode {__version__} is an MCP server and now waits for a client on standard input. Ctrl-C ends it.
To try it yourself type: voicemode converse "Hello"      All commands: voicemode --help"""


def serve_mcp() -> None:
    """Run the MCP server on stdio; a person who starts it in a terminal sees a greeting."""
    if sys.stdin.isatty():
        click.echo(GREETING, err=True)
    from voicemode.server import main

    with plain_errors():
        main()


@click.group(invoke_without_command=True)
@click.pass_context
def serve(context: click.Context) -> None:
    """Run a server in the foreground: MCP on stdio, or a local speech engine."""
    if context.invoked_subcommand is None:
        serve_mcp()


HOST = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
IDLE = click.option("--idle-minutes", type=click.FloatRange(min=0.01), help="End after so long without a request.")
LOG = click.option("--log-file", type=click.Path(path_type=Path), help="Log there, kept short, and not to stderr.")


def port(default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option("--port", type=click.IntRange(1, 65535), help=f"Port; {default} unless the settings say otherwise.")


@serve.command()
@click.option("--model", type=click.Choice(get_args(WhisperModel)), help="Weights; the settings' choice if left out.")
@port("2022")
@HOST
@IDLE
@LOG
def whisper(model: WhisperModel | None, port: int | None, host: str, idle_minutes: float | None, log_file: Path | None) -> None:
    """Speech to text with the OpenAI audio API."""
    with serving("whisper", log_file) as settings:
        from voicemode.engines.whisper.api import run

        settings = replace(settings, whisper_model=model or settings.whisper_model)
        run(settings, port=port, host=host, idle_minutes=idle_minutes)


@serve.command()
@port("8880")
@HOST
@IDLE
@LOG
def kokoro(port: int | None, host: str, idle_minutes: float | None, log_file: Path | None) -> None:
    """Text to speech with the OpenAI audio API."""
    with serving("kokoro", log_file) as settings:
        from voicemode.engines.kokoro.api import run

        run(settings, port=port, host=host, idle_minutes=idle_minutes)


@serve.command()
@port("7880")
@IDLE
@LOG
def livekit(port: int | None, idle_minutes: float | None, log_file: Path | None) -> None:
    """Rooms: LiveKit's own server, with this machine's key. It ends after --idle-minutes even with people in the rooms."""
    with serving("livekit", log_file) as settings:
        from voicemode.services.livekit_server.server import run

        run(settings, port, idle_minutes)


@contextmanager
def serving(name: str, log_file: Path | None) -> Iterator[Settings]:
    """Yield the settings for the server `name`. Expected failures become sentences; a fatal failure is recorded."""
    from voicemode.services.failure import noting_failure

    with plain_errors():
        settings = engine_settings(log_file)
        with noting_failure(name, settings):
            yield settings


def engine_settings(log_file: Path | None) -> Settings:
    """Return the settings, after configuring logging to `log_file`, or to stderr for the parent process to keep."""
    settings = load_settings().settings
    egress.enforce(settings.local_only)
    if log_file:
        log.configure_file(settings.log_level, log_file, secrets=settings.secrets)
    else:
        log.configure(settings.log_level, None, secrets=settings.secrets)
    return settings
