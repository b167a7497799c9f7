"""`voicemode service …`: the actions of the `service` tool, the installers, and options that need a terminal."""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, get_args

import click

from voicemode import tools
from voicemode.app import open_app
from voicemode.cli.errors import plain_errors
from voicemode.cli.tools import command
from voicemode.services import find
from voicemode.tools.install import INSTALLERS
from voicemode.tools.service import Action, Services
from voicemode.tools.service import service as tool

WATCH_SECONDS = 2.0
VERBS: dict[Action, tuple[str, tuple[str, ...]]] = {
    "status": ("Show the status of all services, or of one.", ()),
    "start": ("Start a service now.", ()),
    "stop": ("Stop a service once its requests in flight are done.", ()),
    "restart": ("Restart a service once its requests in flight are done.", ()),
    "enable": ("Start a service at login.", ()),
    "disable": ("Do not start a service at login.", ()),
    "logs": ("Show the end of a service's log.", ("lines",)),
    "uninstall": ("Uninstall a service: its unit, environment and log.", ("models",)),
}
"""Help text of each action, and the parameters of the tool that belong to it."""

COLOURS: dict[str, dict[str, Any]] = {
    "good": {"fg": "green"},
    "busy": {"fg": "yellow"},
    "bad": {"fg": "red"},
    "quiet": {"dim": True},
    "strong": {"bold": True},
}


class Verbs(click.Group):
    """Every action of the tool as a command, and `install`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*get_args(Action), "install"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "install":
            return Installers("install", help="Make a service permanent: installed, started, proved to work.")
        return verb(cmd_name) if cmd_name in VERBS else None


class Installers(click.Group):
    """A command for each service that can be installed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(INSTALLERS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        fn = INSTALLERS.get(cmd_name)
        return command(fn, name=cmd_name) if fn else None


@click.group(cls=Verbs, invoke_without_command=True)
@click.pass_context
def service(context: click.Context) -> None:
    """Manage the local speech services; without a command, show their status."""
    if context.invoked_subcommand is None:
        context.invoke(verb("status"), name="", as_json=False, watch=False)


def verb(action: Action) -> click.Command:
    """Return one action of the tool as a command."""
    summary, own = VERBS[action]
    others = {p.name: p.default for p in tools.parameters(tool) if p.name not in ("name", *own)}
    made = command(tool, name=action, summary=summary, fixed={**others, "action": action}, show=show)
    if wrap := EXTRAS.get(action):
        made.callback = wrap(made.callback)
        made.params.append(OPTIONS[action])
    return made


def show(result: Services) -> str:
    """Render `result` as wide as the terminal, in colours; click drops the colours if stdout is no terminal."""
    return result.render(shutil.get_terminal_size().columns, lambda text, tone: click.style(text, **COLOURS[tone]))


def watched(once: Any) -> Callable[..., None]:
    def run(watch: bool, name: str, as_json: bool) -> None:
        if not watch:
            once(name=name, as_json=as_json)
            return
        with plain_errors():
            asyncio.run(watching(name, as_json=as_json))

    return run


async def watching(name: str, *, as_json: bool) -> None:
    """Redraw the status every WATCH_SECONDS until Ctrl-C; as JSON, print a line each time."""
    async with open_app(log_to_stderr=False) as opened:
        if not as_json:
            click.clear()
        while True:
            result = await tool(await opened.now(), name=name)
            click.echo(json.dumps(asdict(result)) if as_json else frame(show(result)))
            await asyncio.sleep(WATCH_SECONDS)


def frame(text: str) -> str:
    """Draw `text` over the previous frame without flicker: each line is cleared as it is written."""
    return "\x1b[H" + "".join(f"{line}\x1b[K\n" for line in [*text.splitlines(), "", "Ctrl-C ends this."]) + "\x1b[J"


def followed(once: Any) -> Callable[..., None]:
    def run(follow: bool, **arguments: Any) -> None:
        if follow and not arguments["name"]:
            raise click.UsageError("Whose log? voicemode service logs NAME --follow")
        once(**arguments)
        if follow:
            with plain_errors():
                asyncio.run(following(arguments["name"]))

    return run


async def following(name: str) -> None:
    """Print the log as it is written, until Ctrl-C."""
    from voicemode.services.logs import follow, log_path

    async with open_app(log_to_stderr=False) as opened:
        async for line in follow(log_path(find(name).name, (await opened.now()).settings)):
            click.echo(line)


def confirmed(once: Any) -> Callable[..., None]:
    def run(yes: bool, name: str, **arguments: Any) -> None:
        with plain_errors():
            title = find(name).title if name else ""
        if title and not yes:
            weights = " and its weights" if arguments["models"] else ""
            click.confirm(f"Uninstall {title}{weights}?", abort=True)
        once(name=name, **arguments)

    return run


EXTRAS: dict[Action, Callable[[Any], Callable[..., None]]] = {"status": watched, "logs": followed, "uninstall": confirmed}
OPTIONS: dict[Action, click.Option] = {
    "status": click.Option(["--watch"], is_flag=True, help=f"Draw it anew every {WATCH_SECONDS:g} s."),
    "logs": click.Option(["--follow", "-f"], is_flag=True, help="Go on as it is written."),
    "uninstall": click.Option(["--yes", "-y"], is_flag=True, help="Do not ask."),
}
"""Options that only make sense at a terminal."""
