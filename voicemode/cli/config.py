"""`voicemode config`: show the settings and the source of each value, and change them."""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import Field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import click

from voicemode.cli.completion import among, settings
from voicemode.cli.errors import told
from voicemode.cli.terminal import columns
from voicemode.config import (
    LoadedSettings,
    Settings,
    check_file,
    create_user_file,
    env_name,
    find_setting,
    load_settings,
    needing_trust,
    project_file,
    read_settings,
    set_value,
    trust_store,
    unset_value,
    user_file,
)
from voicemode.config.files import EnvFile
from voicemode.config.groups import GROUPS, reference
from voicemode.config.trust import revoke_trust
from voicemode.config.trust import trust as record_trust
from voicemode.config.values import printable, render
from voicemode.errors import ConfigError, Remedy, VoiceModeError
from voicemode.text.tables import aligned, widths_of


class ConfigGroup(click.Group):
    """A group that shows expected failures as messages instead of tracebacks."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VoiceModeError as error:
            raise click.ClickException(told(error)) from error


@click.group(cls=ConfigGroup, invoke_without_command=True)
@click.pass_context
def config(ctx: click.Context) -> None:
    """Show and change settings."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_settings)


@config.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs: also what each setting is for.")
def list_settings(as_json: bool = False) -> None:
    """Show every setting with its value and its source."""
    loaded = read_settings()
    rows = [_row(find_setting(name), title, loaded) for title, names in GROUPS.items() for name in names]
    if as_json:
        click.echo(json.dumps({"settings": rows, "notices": loaded.notices}, indent=2, ensure_ascii=False))
        return
    widths = widths_of([cells(row) for row in rows], columns() - 2)
    for title, group in groupby(rows, key=itemgetter("group")):
        click.echo("\n".join([f"{title}:", *(f"  {line}" for line in aligned([cells(row) for row in group], widths))]))
    _show_notices(loaded)
    _show_error(loaded)


def cells(row: dict[str, str]) -> tuple[str, str, str]:
    return row["name"], row["value"] or "-", row["from"]


@config.command("reference")
def reference_() -> None:
    """Print every setting with its default and meaning, as the Markdown of docs/settings.md."""
    click.echo(reference(), nl=False)


@config.command("get")
@click.argument("name", shell_complete=among(settings))
def get(name: str) -> None:
    """Show the value of one setting; for a key, only whether it is set."""
    item = find_setting(name)
    loaded = read_settings()
    click.echo(_shown(item, loaded.settings))
    _show_error(loaded)


@config.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("name", shell_complete=among(settings))
@click.argument("value", required=False)
def set_(name: str, value: str | None) -> None:
    """Set NAME to VALUE in your settings file. Leave VALUE out for a key: you are prompted for it, and it is not shown."""
    item, before = find_setting(name), _settings()
    path = set_value(name, _ask(item) if value is None else value)
    click.echo(f"{env_name(item)} is set in {_short(path)}.")
    if value is not None and item.metadata.get("secret"):
        _warn("It is in the history of your shell now. Next time leave it out: you will be asked for it.")
    _warn_if_overridden(item)
    _restart_services(before)


@config.command("unset")
@click.argument("name", shell_complete=among(settings))
def unset(name: str) -> None:
    """Remove NAME from your settings file."""
    item, path, before = find_setting(name), _short(user_file()), _settings()
    if not unset_value(name):
        click.echo(f"{env_name(item)} was not set in {path}.")
        return
    click.echo(f"{env_name(item)} is no longer set in {path}.")
    _warn_if_overridden(item)
    _restart_services(before)


@config.command("edit")
def edit() -> None:
    """Open your settings file in an editor, then check it."""
    path, before = user_file(), _settings()
    create_user_file(path)
    click.edit(filename=str(path), editor=_editor())
    _show_notices(load_settings())
    click.echo(f"{_short(path)} is in order.")
    _restart_services(before)


@config.command("trust")
@click.option("--revoke", is_flag=True, help="Trust it no longer.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def trust(revoke: bool, yes: bool) -> None:
    """Trust the project file here to decide on costs, on where voice and keys go, and on what is heard, kept and done.

    The file is shown, and you are asked to confirm. Trust holds until the file changes.
    """
    file = project_file()
    if file is None:
        raise ConfigError("There is no .voicemode.env here or above.")
    if revoke:
        known = revoke_trust(trust_store(), file.path)
        click.echo(f"{printable(file.path)} {'is no longer' if known else 'was not'} trusted.")
        return
    check_file(file)
    click.echo("\n".join(_trusted_lines(file)) or "Nothing in it needs trust.")
    if not yes and not sys.stdin.isatty():
        raise ConfigError(
            "Nobody is here who could be asked.", hint=Remedy("If you have read it", "voicemode config trust --yes")
        )
    if not yes:
        click.confirm(f"Trust {printable(file.path)}?", abort=True)
    record_trust(trust_store(), file)
    click.echo(f"{printable(file.path)} is trusted as it is now. To undo: voicemode config trust --revoke")


@config.command("path")
def path() -> None:
    """Print the path of your settings file."""
    click.echo(str(user_file()))


def _trusted_lines(file: EnvFile) -> Iterator[str]:
    """Yield a line for each setting that `file` can change only once it is trusted."""
    for item in needing_trust():
        if entry := file.entries.get(env_name(item)):
            value = "(not shown)" if item.metadata.get("secret") else printable(entry.text)
            yield f"line {entry.line}: {env_name(item)} = {value}"


def _row(item: Field[Any], group: str, loaded: LoadedSettings) -> dict[str, str]:
    return {
        "group": group,
        "name": env_name(item),
        "value": _shown(item, loaded.settings),
        "from": str(loaded.sources[item.name]),
        "doc": item.metadata["doc"],
    }


def _shown(item: Field[Any], settings: Settings) -> str:
    value = getattr(settings, item.name)
    if item.metadata.get("secret"):
        return "set" if value else "not set"
    return printable(render(value))


def _ask(item: Field[Any]) -> str:
    name = env_name(item)
    if not item.metadata.get("secret"):
        raise click.UsageError(f"What should {name} be? voicemode config set {name} VALUE")
    if sys.stdin.isatty():
        return str(click.prompt(name, hide_input=True))
    return sys.stdin.readline()


def _warn_if_overridden(item: Field[Any]) -> None:
    loaded = read_settings()
    if overruled := loaded.overruled(item.name):
        _warn(overruled)
    _show_error(loaded)


def _settings() -> Settings:
    """Return the settings of services, without invalid values: no project file has a say in them."""
    return read_settings(cwd=user_file().parent).settings


def _restart_services(before: Settings) -> None:
    """Apply the changed settings to the running services, and print what was done."""
    after = _settings()
    if before == after:
        return
    from voicemode.cli.progress import progress_shown
    from voicemode.services.follow_settings import follow_settings
    from voicemode.services.supervisors.find import find_supervisor

    with progress_shown() as report:
        did = asyncio.run(follow_settings(before, after, find_supervisor(after), report))
    for sentence in did:
        click.echo(sentence)


def _editor() -> str | None:
    """Return the editor from the settings; None lets click look for one."""
    return read_settings().settings.editor or None


def _short(path: Path) -> str:
    home = Path.home()
    return printable(f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else path)


def _show_notices(loaded: LoadedSettings) -> None:
    for notice in loaded.notices:
        _warn(notice)


def _show_error(loaded: LoadedSettings) -> None:
    if loaded.error:
        _warn(str(loaded.error))


def _warn(text: str) -> None:
    click.echo(text, err=True)
