"""`voicemode doctor`: the tool, and the examinations that need a person at a terminal."""

import asyncio
import json
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import click

from voicemode.cli.errors import plain_errors
from voicemode.cli.tools import call, command
from voicemode.tools.doctor import doctor as tool

OPTIONS = (
    click.Option(
        ["--turns"],
        type=click.IntRange(min=0),
        is_flag=False,
        flag_value=0,
        metavar="[NUMBER]",
        help="Show live how you are heard, and why a turn ends; until Ctrl-C, or so many turns.",
    ),
    click.Option(["--echo"], is_flag=True, help="Play a soft sweep, and measure how much of it the microphone hears."),
)


def examined(once: Any) -> Any:
    def run(turns: int | None, echo: bool, as_json: bool) -> None:
        if echo:
            from voicemode.cli.echo import measure, show

            with plain_errors():
                measured = asyncio.run(call(measure, {}))
            click.echo(json.dumps(asdict(measured), indent=2) if as_json else show(measured))
        elif turns is not None:
            from voicemode.cli.turns import watch

            # The person ends it with Ctrl-C.
            with plain_errors(), suppress(KeyboardInterrupt):
                asyncio.run(call(watch, {"turns": turns}))
        else:
            once(as_json=as_json)

    return run


doctor = command(tool)
doctor.callback = examined(doctor.callback)
doctor.params += OPTIONS
