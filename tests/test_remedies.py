"""Remedies can be followed: each command there is parses, and those that are light are run and help."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import voicemode
from tests.cli.test_cli import voicemode as run
from tests.support.agents import free_ports
from voicemode.cli import main
from voicemode.config import Settings, load_settings, set_value
from voicemode.errors import LocalOnlyError, Remedy, VoiceModeError, remedy_of
from voicemode.models.models import ensure, sources_from

ROOT = Path(voicemode.__file__).parent
PLACEHOLDERS = {
    "env_name(item)": "VOICEMODE_PACE",
    "policy.offline_setting": "VOICEMODE_OFFLINE",
    "service.name": "whisper",
    "self.service.name": "whisper",
    "facts.name": "kokoro",
    "user.name": "kokoro",
    "root.parent.name": "whisper",
    "find(name).short_name": "base",
    "free_port(port)": "2023",
    "port + 1": "2023",
    "ALLOWED": "VOICEMODE_OFFLINE=false",
    "INSTALL": "voicemode service install livekit",
    "setting": "VOICEMODE_FRONTEND_LAN true",
}
"""What stands in commands, and an example of it."""


def examples() -> Iterator[str]:
    """Every command of ours that is written into a remedy, with examples in its gaps."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Remedy":
                given = [*node.args[1:], *(keyword.value for keyword in node.keywords if keyword.arg == "command")]
                yield from (text for each in given if "voicemode " in (text := written(each)))


def written(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text.format(name="whisper", port="VOICEMODE_WHISPER_PORT") if "{" in text else text
        case ast.JoinedStr(values=values):
            return "".join(map(written, values))
        case ast.FormattedValue(value=value):
            # A name alone is a setting after `config`, else a service.
            return PLACEHOLDERS.get(ast.unparse(value), "whisper")
    return ""


COMMANDS = sorted(set(examples()))


def parsed(words: list[str]) -> None:
    """Have the command line take `words`, without doing it. Raises click.UsageError."""
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words:
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=name)
    command.parse_args(context, list(words))


def test_there_are_as_many_commands_as_we_think() -> None:
    assert len(COMMANDS) > 25


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_of_every_remedy_is_one_that_there_is(command: str) -> None:
    words = [word for word in shlex.split(command) if not re.match(r"VOICEMODE_\w+=", word)]
    assert words.pop(0) == "voicemode"
    parsed(words)


@pytest.mark.parametrize(
    "command", ["config list", "config", "providers --check", "providers", "models", "service status whisper"]
)
def test_what_only_shows_something_shows_it(command: str, home: Path) -> None:
    """Run for real; what installs, starts, downloads or opens a browser is run by the tests of those commands."""
    done = run(*command.split(), VOICEMODE_WHISPER_PORT="9", VOICEMODE_KOKORO_PORT="9")
    assert done.returncode == 0, done.stderr
    assert done.stdout


def follow(remedy: Remedy) -> None:
    done = run(*shlex.split(remedy.command)[1:])
    assert done.returncode == 0, done.stderr


def test_who_may_not_leave_this_machine_may_once_the_remedy_was_followed(home: Path) -> None:
    set_value("local_only", "true")
    assert load_settings().settings.local_only
    follow(LocalOnlyError("Speech would leave this machine").hint)
    assert not load_settings().settings.local_only


def test_who_is_offline_may_fetch_weights_once_the_remedy_was_followed(home: Path, tmp_path: Path) -> None:
    set_value("offline", "true")
    with pytest.raises(VoiceModeError) as failure:
        ensure("large-v3", tmp_path, sources_from(load_settings().settings))
    follow(failure.value.hint)
    assert not sources_from(load_settings().settings).offline


def test_a_setting_that_cannot_be_emptied_is_removed_by_the_remedy(home: Path) -> None:
    set_value("pace", "quick")
    with pytest.raises(VoiceModeError) as failure:
        set_value("pace", "")
    follow(failure.value.hint)
    assert load_settings().settings.pace == Settings().pace


def test_a_stranger_on_the_port_is_named_first_and_the_remedy_chooses_another(home: Path) -> None:
    import socket

    (port,) = free_ports(1)
    set_value("whisper_port", str(port))
    with socket.create_server(("127.0.0.1", port)):
        done = run("service", "start", "whisper", VOICEMODE_WHISPER_PORT=str(port))
        assert done.returncode == 1
        first, *remedy = done.stderr[done.stderr.index("Error: ") :].splitlines()
        assert first.startswith(f"Error: Port {port} is taken by ")
        follow(Remedy(command=remedy[-1].strip()))
    assert load_settings({}).settings.whisper_port == port + 1


def test_a_remedy_reads_well_and_its_command_can_be_copied_whole() -> None:
    remedy = Remedy("End that program, or choose another port.", "voicemode config set VOICEMODE_KOKORO_PORT 8881")
    assert str(remedy) == "End that program, or choose another port: voicemode config set VOICEMODE_KOKORO_PORT 8881"
    assert remedy.lines(30) == [
        "→ End that program, or choose",
        "  another port:",
        "  voicemode config set VOICEMODE_KOKORO_PORT 8881",
    ]


@pytest.mark.parametrize("said", [None, "voicemode doctor", {}, {"text": None}])
def test_what_another_process_has_no_remedy_for_has_none(said: object) -> None:
    assert not remedy_of(said)
