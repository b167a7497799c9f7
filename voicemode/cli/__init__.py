"""The command line: every tool as a command, and what only a person at a terminal needs."""

import click

from voicemode import __version__

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 120}


class Commands(click.Group):
    """Commands that are imported when they are asked for: `voicemode --version` must not wait for the tools."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from voicemode import tools

        return sorted([*tools.load(), "config", "serve"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "config":
            from voicemode.cli.config import config

            return config
        if cmd_name == "serve":
            from voicemode.cli.serve import serve

            return serve
        from voicemode import tools
        from voicemode.cli.errors import plain_errors
        from voicemode.cli.tools import command

        with plain_errors():
            fn = tools.load().get(cmd_name)
        return command(fn) if fn else None


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
