"""Every command with every option and a valid value: what is typed arrives, and nothing ends in a traceback."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click
import pytest
from click.testing import CliRunner

from voicemode import tools
from voicemode.cli import Commands, main
from voicemode.cli.tools import command

TOOLS = tools.load()


def valid(kind: click.ParamType[Any]) -> str:
    """A value that this click type takes."""
    if isinstance(kind, click.Choice):
        return str(kind.choices[-1])
    return {"integer": "3", "float": "1.5", "integer range": "3", "float range": "1.5"}.get(kind.name, "word")


def typed(option: click.Parameter) -> list[str]:
    """What a person types to give `option` a valid value."""
    if isinstance(option, click.Argument):
        return [valid(option.type)]
    assert isinstance(option, click.Option)
    return [option.opts[0]] if option.is_flag else [option.opts[0], valid(option.type)]


def all_commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below `group`, with the words that lead to it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield (*path, name), found
        if isinstance(found, click.Group):
            yield from all_commands(found, *path, name)


assert isinstance(main, Commands)
CASES = [
    pytest.param(found, option, id=f"{'-'.join(path)} {option.opts[0]}")
    for path, found in all_commands(main)
    for option in found.params
    if "--version" not in option.opts
]


@dataclass(frozen=True, slots=True)
class Result:
    text: str = "done"


def recording(fn: tools.Tool, given: dict[str, Any]) -> tools.Tool:
    """A tool with the signature of `fn` that only keeps its arguments."""

    @functools.wraps(fn)
    async def call(_app: object, **arguments: Any) -> Result:
        given.update(arguments)
        return Result()

    return call


@pytest.mark.parametrize(("found", "option"), CASES)
def test_every_option_takes_a_valid_value(found: click.Command, option: click.Parameter) -> None:
    # Arguments are known by their place: those before this one have to be there, too.
    words = [word for each in found.params if each is option or isinstance(each, click.Argument) for word in typed(each)]
    context = found.make_context("voicemode", words)
    assert option.name in context.params


@pytest.mark.parametrize("name", TOOLS)
def test_what_is_typed_reaches_the_tool(name: str) -> None:
    given: dict[str, Any] = {}
    found = command(recording(TOOLS[name], given))
    words = [word for option in found.params for word in typed(option)]
    done = CliRunner().invoke(found, words)
    assert done.exception is None, done.output
    assert given.keys() == {parameter.name for parameter in tools.parameters(TOOLS[name])}


NEEDING = [name for name, fn in TOOLS.items() if any(p.default is p.empty for p in tools.parameters(fn))]


@pytest.mark.parametrize("name", NEEDING)
def test_a_missing_argument_is_a_usage_error(name: str) -> None:
    done = CliRunner().invoke(command(TOOLS[name]), [])
    assert done.exit_code == 2
    assert "Missing argument" in done.output


def test_a_choice_that_may_be_left_out_is_a_choice() -> None:
    done = CliRunner().invoke(command(TOOLS["converse"]), ["hello", "--pace", "fast"])
    assert done.exit_code == 2
    assert "'fast' is not one of 'quick', 'normal', 'patient'" in done.output
