"""The command line: every tool as a command, and the commands that only a person at a terminal needs."""

import importlib
from typing import TYPE_CHECKING

import click

from voicemode import __version__

if TYPE_CHECKING:
    from voicemode.tools import Tool

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 120}
STEERING = ("hold", "mute", "now", "send", "skip", "stop", "unmute")
MODULES = {
    name: f"voicemode.cli.{name}" for name in ("config", "doctor", "frontend", "serve", "service", "transcribe", "uninstall")
} | dict.fromkeys(STEERING, "voicemode.cli.steer")
"""Commands that do more than a tool, or have no tool, with the module of each."""


INSTALL = "_install"
"""Suffix of the tools that are commands below `service install`."""


class Commands(click.Group):
    """Commands that are imported on use: `voicemode --version` must not wait for the tools."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(tools_here().keys() | MODULES.keys())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in MODULES:
            found: click.Command = getattr(importlib.import_module(MODULES[cmd_name]), cmd_name)
            return found
        from voicemode.cli.errors import plain_errors
        from voicemode.cli.tools import command

        with plain_errors():
            fn = tools_here().get(cmd_name)
        return command(fn) if fn else None


def tools_here() -> "dict[str, Tool]":
    """Return the tools that are commands of this group, by command name."""
    from voicemode import tools

    return {name.replace("_", "-"): fn for name, fn in tools.load().items() if not name.endswith(INSTALL)}


@click.group(cls=Commands, context_settings=CONTEXT, invoke_without_command=True)
@click.version_option(__version__, message="voicemode %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """The voice of AI agents, on your own machine.

    Without a command it is an MCP server on standard input and output, for Claude and other clients.
    """
    if context.invoked_subcommand is None:
        from voicemode.cli.serve import serve_mcp

        serve_mcp()
