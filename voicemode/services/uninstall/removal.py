"""Removing VoiceMode from a machine: surveying its items, and removing them."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from voicemode.config import Settings
from voicemode.errors import ServiceError
from voicemode.progress import size_text
from voicemode.services import services
from voicemode.services.manager import Manager
from voicemode.services.supervisors.supervisor import Supervisor
from voicemode.services.uninstall.clients import ClientConfig, clients, entries
from voicemode.services.uninstall.clients import remove as remove_entries
from voicemode.services.uninstall.inventory import Item, everything, remove, strangers, total_bytes
from voicemode.text.tables import table

STRANGERS = 5
"""Number of foreign paths listed one by one; a base directory may be a whole home."""
COLUMNS = 80
KEPT = {
    "recording": "they are your own words; to remove them, too: --recordings",
    "model": "as you wish; without --keep-models they go",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Items to remove, and items to keep."""

    going: Sequence[Item]
    entries: Sequence[ClientConfig]
    """Entries that make agents' programs start VoiceMode; they are removed, too."""
    running: Sequence[str]
    """Servers to end first."""
    staying: Sequence[Item]
    """Items of ours that are kept."""
    strangers: Sequence[Path]
    """Paths in our folders that are not ours."""
    base: Path

    @property
    def nothing(self) -> bool:
        return not (self.going or self.entries or self.running)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


async def survey(settings: Settings, supervisor: Supervisor, *, keep: Iterable[str], home: Path) -> Removal:
    """Return the removal of everything but the kinds in `keep`, without changing anything."""
    items = await asyncio.to_thread(everything, settings, supervisor)
    keep = frozenset(keep)
    going = [item for item in items if item.kind not in keep]
    manager = Manager(settings, supervisor)
    running = [(service, found) for service in services().values() if (found := await manager.dependent(service))]
    return Removal(
        going=going,
        entries=await asyncio.to_thread(lambda: [entry for client in clients(home) for entry in entries(client)]),
        running=[f"{service.title} (pid {found.pid})" for service, found in running],
        staying=[item for item in items if item.kind in keep],
        strangers=await asyncio.to_thread(strangers, settings, items),
        base=settings.base_dir.expanduser(),
    )


async def carry_out(removal: Removal, settings: Settings, supervisor: Supervisor) -> list[str]:
    """Carry out `removal`; return the failures as sentences. Raises ServiceError, removing no item, if a service runs on."""
    manager = Manager(settings, supervisor)
    for service in services().values():
        await manager.unregister(service)
    left = await asyncio.to_thread(remove, removal.going, settings)
    for client, found in groupby(removal.entries, key=lambda entry: entry.client):
        try:
            await asyncio.to_thread(remove_entries, client, list(found))
        except ServiceError as error:
            left.append(str(error))
    return left


def _lines(removal: Removal) -> Iterator[str]:
    rows = [_row(item) for item in removal.going]
    rows += [(str(entry), "", _short(entry.client.path)) for entry in removal.entries]
    if not removal.nothing:
        yield "This is what VoiceMode put on your machine, and what goes:"
        yield from (f"  {line}" for line in table(rows, COLUMNS - 2))
        yield f"  In all {size_text(total_bytes(removal.going))}."
    if removal.running:
        yield f"Ended first: {', '.join(removal.running)}."
    if removal.staying or removal.strangers:
        yield "What stays:"
        yield from (f"  {item.title}, {_count(item)}, in {_short(_where(item))}: {KEPT[item.kind]}" for item in removal.staying)
        yield from (f"  {_short(path)}: not VoiceMode's" for path in removal.strangers[:STRANGERS])
        if more := len(removal.strangers) - STRANGERS:
            yield from [f"  and {more} more in {_short(removal.base)} that are not VoiceMode's"] if more > 0 else []


def _row(item: Item) -> tuple[str, str, str]:
    return item.title, f"{size_text(item.size_bytes):>7}", _short(_where(item))


def _where(item: Item) -> Path:
    """Return one path that stands for all of the item."""
    return item.paths[0] if len(item.paths) == 1 else item.paths[0].parent


def _count(item: Item) -> str:
    return f"{len(item.paths)} of {size_text(item.size_bytes)}"


def _short(path: Path) -> str:
    return f"~/{path.relative_to(Path.home()).as_posix()}" if path.is_relative_to(Path.home()) else str(path)
