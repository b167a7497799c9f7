"""A tool as a command: parameters become options, the result text or JSON."""

import asyncio
import inspect
import json
import signal
from dataclasses import asdict
from typing import Any, Literal, get_args, get_origin

import click

from voicemode import tools
from voicemode.app import open_app
from voicemode.cli.errors import plain_errors

ARGUMENTS = ("message", "file")
"""Parameters that are given without a flag."""


def command(fn: tools.Tool) -> click.Command:
    """`fn` as a click command. Failures we expect end with their message and exit code 1."""
    description = tools.describe(fn)

    def run(as_json: bool, **arguments: Any) -> None:
        with plain_errors():
            result = asyncio.run(call(fn, arguments))
        click.echo(json.dumps(asdict(result), indent=2) if as_json else str(result))
        if getattr(result, "failed", False):
            raise click.exceptions.Exit(1)

    params = [option(parameter, description.parameters[parameter.name]) for parameter in tools.parameters(fn)]
    params.append(click.Option(["--json", "as_json"], is_flag=True, help="Print the whole result as JSON."))
    return click.Command(fn.__name__.replace("_", "-"), callback=run, params=params, help=help_text(fn, description))


def help_text(fn: tools.Tool, description: tools.Description) -> str:
    arguments = [p.name for p in tools.parameters(fn) if p.name in ARGUMENTS]
    return "\n\n".join([description.summary, *(f"{name.upper()}: {description.parameters[name]}" for name in arguments)])


def option(parameter: inspect.Parameter, text: str) -> click.Parameter:
    kind = next((a for a in get_args(parameter.annotation) if a is not type(None)), parameter.annotation)
    if get_origin(parameter.annotation) is Literal:
        kind = click.Choice(get_args(parameter.annotation))
    required = parameter.default is parameter.empty
    if parameter.name in ARGUMENTS:
        return click.Argument([parameter.name], type=kind, required=required, default=None if required else parameter.default)
    flag = "--" + parameter.name.replace("_", "-")
    if kind is bool:
        flag = f"{flag}/--no-{flag[2:]}"
    shown = parameter.default not in (None, "")
    return click.Option([flag, parameter.name], type=kind, default=parameter.default, show_default=shown, help=text)


async def call(fn: tools.Tool, arguments: dict[str, Any]) -> Any:
    """Run a tool for a person at a terminal: what is going on goes to stderr; Ctrl-C and SIGTERM close devices."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(task.cancel))  # type: ignore[union-attr]
    async with open_app() as opened:
        return await fn(await opened.now(report), **arguments)


async def report(stage: str) -> None:
    click.echo(f"{stage} …", err=True)
