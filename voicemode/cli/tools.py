"""Tools as commands: parameters become options, results become text or JSON."""

import asyncio
import inspect
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

import click

from voicemode import tools
from voicemode.app import App, open_app
from voicemode.cli.completion import for_tool
from voicemode.cli.errors import plain_errors
from voicemode.cli.progress import progress_shown
from voicemode.cli.terminal import columns

ARGUMENTS = ("message", "file", "action", "name")
"""Parameters that are positional arguments."""
FILES = ("file",)
"""Parameters that are paths, which the shell completes."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


def command(
    fn: tools.Tool,
    *,
    name: str = "",
    summary: str = "",
    fixed: Mapping[str, Any] = NOTHING,
    show: Callable[[Any], str] | None = None,
) -> click.Command:
    """Return `fn` as a click command. Expected failures exit with their message and code 1.

    Args:
        fn: The tool.
        name: Name of the command; by default that of the tool.
        summary: Help text; by default the summary of the tool.
        fixed: Values of parameters that the person cannot give.
        show: Renders the result as text; by default `rendered`.
    """
    description = tools.describe(fn)
    given = [parameter for parameter in tools.parameters(fn) if parameter.name not in fixed]

    def run(as_json: bool, **arguments: Any) -> None:
        with plain_errors():
            result = asyncio.run(call(fn, {**fixed, **arguments}))
        click.echo(json.dumps(asdict(result), indent=2) if as_json else (show or rendered)(result))
        if getattr(result, "failed", False):
            raise click.exceptions.Exit(1)

    params = [option(parameter, description.parameters[parameter.name], fn.__name__) for parameter in given]
    params.append(click.Option(["--json", "as_json"], is_flag=True, help="Print the whole result as JSON."))
    arguments = [f"{p.name.upper()}: {description.parameters[p.name]}" for p in given if p.name in ARGUMENTS]
    text = "\n\n".join([summary or description.summary, *arguments])
    return click.Command(name or fn.__name__.replace("_", "-"), callback=run, params=params, help=text)


def option(parameter: inspect.Parameter, text: str, tool: str) -> click.Parameter:
    """Return the click parameter for one parameter of `tool`, with the help `text`."""
    kind = click.Path() if parameter.name in FILES else value_type(parameter.annotation)
    if kind is str:
        kind = TypedText()
    required = parameter.default is parameter.empty
    # click takes a default of None for a given value, so a required parameter must have no default at all.
    rest: dict[str, Any] = {"type": kind, "required": required, **for_tool(tool, parameter.name)} | (
        {} if required else {"default": parameter.default}
    )
    if parameter.name in ARGUMENTS:
        return click.Argument([parameter.name], **rest)
    flag = "--" + parameter.name.replace("_", "-")
    if kind is bool:
        flag = f"{flag}/--no-{flag[2:]}"
    return click.Option([flag, parameter.name], show_default=parameter.default not in (None, ""), help=text, **rest)


def rendered(result: Any) -> str:
    """Return the text of a result, fitted to the terminal's width if the result supports that."""
    return str(result.render(columns()) if hasattr(result, "render") else result)


def value_type(annotation: Any) -> Any:
    """Return the click type for `annotation`: a choice for a Literal, `X` for `X | None`, else the class itself."""
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    inner = [part for part in get_args(annotation) if part is not type(None)]
    return value_type(inner[0]) if inner else annotation


class TypedText(click.ParamType[str]):
    """Text in the terminal's encoding, with undecodable bytes replaced so that the text can be sent."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return os.fsencode(value).decode(errors="replace")


async def call(fn: tools.Tool, arguments: dict[str, Any]) -> Any:
    """Run a tool for a person at a terminal."""
    async with running_app(broken=tools.is_diagnostic(fn)) as app:
        return await fn(app, **arguments)


@asynccontextmanager
async def running_app(*, broken: bool = False) -> AsyncIterator[App]:
    """Open the program for a command; with `broken`, even if the settings are invalid.

    Progress, notices and the output of plugins go to stderr, the log to its file only. SIGTERM closes devices, as Ctrl-C does.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(task.cancel))  # type: ignore[union-attr]
    with redirect_stdout(sys.stderr):
        async with open_app(log_to_stderr=False) as opened:
            with progress_shown() as report:
                app = await opened.now(report, broken=broken)
                for notice in app.loaded.notices:
                    click.echo(notice, err=True)
                yield app
