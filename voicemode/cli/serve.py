"""`voicemode serve …`: the MCP server, and the local speech servers in the foreground."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import click

from voicemode import __version__, log
from voicemode.cli.errors import plain_errors
from voicemode.config import Settings, load_settings

GREETING = f"""\
VoiceMode {__version__} is an MCP server and now waits for a client on standard input. Ctrl-C ends it.
To try it yourself type: voicemode converse "Hello"      All commands: voicemode --help"""


def serve_mcp() -> None:
    """The MCP server on stdio; whoever starts it by hand is told what it is."""
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


def port(default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option("--port", type=click.IntRange(1, 65535), help=f"Port; {default} unless the settings say otherwise.")


@serve.command()
@click.option("--model", type=click.Choice(["auto", "tiny.en", "base"]), help="Weights; the settings' choice if left out.")
@port("2022")
@HOST
@IDLE
def whisper(model: Literal["auto", "tiny.en", "base"] | None, port: int | None, host: str, idle_minutes: float | None) -> None:
    """Speech to text, speaking the OpenAI audio API."""
    from voicemode.services._api.whisper_api import run

    with plain_errors():
        settings = engine_settings()
        settings = replace(settings, whisper_model=model or settings.whisper_model)
        run(settings, port=port, host=host, idle_minutes=idle_minutes)


@serve.command()
@port("8880")
@HOST
@IDLE
def kokoro(port: int | None, host: str, idle_minutes: float | None) -> None:
    """Text to speech, speaking the OpenAI audio API."""
    from voicemode.services._api.kokoro_api import run

    with plain_errors():
        run(engine_settings(), port=port, host=host, idle_minutes=idle_minutes)


def engine_settings() -> Settings:
    """The settings, once logging follows them: to stderr, which whoever starts a server in the background keeps in a file."""
    settings = load_settings().settings
    log.configure(settings.log_level, None, secrets=settings.secrets)
    return settings
