"""`voicemode uninstall`: remove all of VoiceMode. Only a person at a terminal can do this, no agent."""

import asyncio
from pathlib import Path

import click

from voicemode.cli.errors import plain_errors
from voicemode.config import Settings, read_settings, user_file
from voicemode.config.installer import find_installer


@click.command()
@click.option("--keep-models", is_flag=True, help="Leave the weights: they are most of the download.")
@click.option("--recordings", is_flag=True, help="Remove what you said, too, as far as it was kept.")
@click.option("--dry-run", is_flag=True, help="Only list what would go.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def uninstall(*, keep_models: bool, recordings: bool, dry_run: bool, yes: bool) -> None:
    """Remove everything VoiceMode ever put on this machine, once you have seen the list."""
    with plain_errors():
        loaded = read_settings(cwd=user_file().parent)
        if loaded.error:
            click.echo(str(loaded.error), err=True)
        keep = {"model"} if keep_models else set[str]()
        asyncio.run(_uninstall(loaded.settings, keep if recordings else keep | {"recording"}, dry_run=dry_run, yes=yes))


async def _uninstall(settings: Settings, keep: set[str], *, dry_run: bool, yes: bool) -> None:
    from voicemode.services.supervisors.find import find_supervisor
    from voicemode.services.uninstall.removal import carry_out, survey

    supervisor = find_supervisor(settings)
    removal = await survey(settings, supervisor, keep=keep, home=Path.home())
    click.echo(str(removal) or "There is nothing of VoiceMode on this machine.")
    if dry_run or removal.nothing:
        return
    if not yes:
        click.confirm("Remove it?", abort=True)
    left = await carry_out(removal, settings, supervisor)
    for sentence in left:
        click.echo(sentence, err=True)
    click.echo(f"Done. Restart your agents. To remove the program itself: {find_installer().uninstall()}")
    if left:
        raise click.exceptions.Exit(1)
