"""Finding everything that VoiceMode ever put on this machine, and removing it and nothing else. All of it blocks.

Links below the folders that a person chose are never followed: the link is removed, its target stays.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from voicemode.config import Settings
from voicemode.services import services
from voicemode.services.install.record import load_record
from voicemode.services.service import Service
from voicemode.services.supervisors.supervisor import Supervisor
from voicemode.services.supervisors.unit import unit_for
from voicemode.services.uninstall.places import Kind, Location, places, places_of

ORDER: tuple[Kind, ...] = ("unit", "environment", "model", "cache", "log", "state", "recording", "config")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Files of one kind that belong together."""

    kind: Kind
    title: str
    paths: tuple[Path, ...]
    """Files, links, and folders with their contents."""
    size_bytes: int
    root: Path
    """Folder above which nothing is touched."""


def everything(settings: Settings, supervisor: Supervisor) -> list[Item]:
    """Return all items on this machine, in the order of `ORDER`."""
    registered = [unit for service in services().values() for unit in units(service, settings, supervisor)]
    return _sorted(registered + _found(places(settings)))


def of_service(service: Service, settings: Settings, supervisor: Supervisor, *, models: bool) -> list[Item]:
    """Return the items of one service; its weights only if `models`."""
    wanted = (place for place in places_of(service, settings) if models or place.kind != "model")
    return _sorted([*units(service, settings, supervisor), *_found(wanted)])


def remove(items: Iterable[Item], settings: Settings) -> list[str]:
    """Remove `items`, and our folders that are empty afterwards; return the failures as sentences.

    Units are left to `Supervisor.unregister`.
    """
    going = [(path, item.root) for item in items if item.kind != "unit" for path in item.paths]
    links = [(path, root) for path, root in going if path.is_symlink()]
    # Links last: the folder of weights may be reached through one.
    kept = [trouble for one in going if one not in links if (trouble := _removed(*one))]
    _remove_empty(settings)
    kept += [trouble for one in links if (trouble := _removed(*one))]
    _remove_empty(settings)
    return kept


def strangers(settings: Settings, items: Iterable[Item]) -> list[Path]:
    """Return the paths in our folders that are not in `items`, topmost only; a removal leaves them in place."""
    going = {path for item in items for path in item.paths}
    base = settings.base_dir.expanduser()
    return sorted(_left(base, going, set(_folders(settings)))) if base.is_dir() else []


def total_bytes(items: Iterable[Item]) -> int:
    return sum(item.size_bytes for item in items)


def units(service: Service, settings: Settings, supervisor: Supervisor) -> list[Item]:
    """Return the unit of `service`, unless it belongs to an installation with another base directory."""
    record = load_record(service, settings)
    # An installation that was killed may have written the unit, but not the record.
    unit = record.unit if record else unit_for(service, settings, Path(sys.executable), weights=())
    paths = tuple(path for path in supervisor.files(unit) if os.path.lexists(path))
    if not (paths and (record or any(_mentions(path, settings.logs_dir) for path in paths))):
        return []
    title = f"{supervisor.name} unit of {service.title}"
    return [Item(kind="unit", title=title, paths=paths, size_bytes=_size(paths), root=paths[0].parent)]


def _mentions(unit: Path, folder: Path) -> bool:
    with suppress(OSError):
        return str(folder) in unit.read_text(encoding="utf-8", errors="replace")
    return False


def _found(all_places: Iterable[Location]) -> list[Item]:
    items = (
        Item(kind=p.kind, title=p.title, paths=paths, size_bytes=_size(paths), root=p.root)
        for p in all_places
        if (paths := _look(p))
    )
    return list(items)


def _sorted(items: Iterable[Item]) -> list[Item]:
    """Sort items, and merge those of the same title; no path is listed twice."""
    in_order = sorted(items, key=lambda item: (ORDER.index(item.kind), item.title, str(item.root)))
    joined, listed = [], set[Path]()
    for _, same in groupby(in_order, key=lambda item: (item.kind, item.title, item.root)):
        first, *rest = same
        paths = dict.fromkeys(path for item in (first, *rest) for path in item.paths if path not in listed)
        listed |= paths.keys()
        if paths:
            joined.append(replace(first, paths=tuple(paths), size_bytes=_size(paths)))
    return joined


def _look(place: Location) -> tuple[Path, ...]:
    """Return our paths at a location, or the first link on the way to it."""
    if link := _link(place.folder, place.root):
        return (link,)
    if not place.folder.is_dir():
        return ()
    with os.scandir(place.folder) as entries:
        ours = [entry for entry in entries if re.fullmatch(place.names, entry.name) and _fits(entry, place)]
    return tuple(sorted(Path(entry.path) for entry in ours))


def _fits(entry: os.DirEntry[str], place: Location) -> bool:
    if place.links:
        return entry.is_symlink()
    return not place.sizes or entry.is_symlink() or entry.stat(follow_symlinks=False).st_size in place.sizes


def _link(path: Path, root: Path) -> Path | None:
    """Return the first link on the way from `root`, exclusive, to `path`; None if there is none."""
    below = [path, *path.parents]
    way = reversed(below[: below.index(root)]) if root in below else iter(())
    return next((step for step in way if step.is_symlink()), None)


def _removed(path: Path, root: Path) -> str:
    """Remove `path`; return the failure as a sentence, or an empty text."""
    if (link := _link(path, root)) and link != path:
        return ""  # a link that has appeared since the survey
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        return f"{path} is still there: {error.strerror or error}."
    return ""


def _folders(settings: Settings) -> list[Path]:
    """Return the folders that VoiceMode made, innermost first, without one that the person chose for weights."""
    base = settings.base_dir.expanduser()
    made = {place.folder for place in places(settings)} | {
        base,
        settings.services_dir,
        settings.cache_dir,
        settings.providers_dir,
    }
    chosen = {settings.models_path} if settings.models_dir else set()
    return sorted(made - chosen, key=lambda folder: len(folder.parts), reverse=True)


def _remove_empty(settings: Settings) -> None:
    for folder in _folders(settings):
        # A folder that is not empty, missing or not ours to remove is left alone.
        with suppress(OSError):
            if not any(folder.iterdir()):
                folder.unlink() if folder.is_symlink() else folder.rmdir()


def _left(folder: Path, going: set[Path], ours: set[Path]) -> Iterator[Path]:
    for path in folder.iterdir():
        if path in going:
            continue
        if path in ours and path.is_dir():
            yield from _left(path, going, ours)
        else:
            yield path


def _size(paths: Iterable[Path]) -> int:
    """Return the total size of `paths` in bytes; a file with several hard links counts once."""
    seen: dict[tuple[int, int], int] = {}
    for path in paths:
        for state in _states(path):
            seen[state.st_dev, state.st_ino] = state.st_size
    return sum(seen.values())


def _states(path: Path) -> Iterator[os.stat_result]:
    try:
        state = path.lstat()
        if path.is_dir() and not path.is_symlink():
            for inner in path.iterdir():
                yield from _states(inner)
        else:
            yield state
    except OSError:
        return  # removed meanwhile
