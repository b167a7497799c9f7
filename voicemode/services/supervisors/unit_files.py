"""The files that make a service known to a system: written whole, removed without a trace."""

import re
from contextlib import suppress
from pathlib import Path

from voicemode.config.files import write_atomically
from voicemode.errors import Remedy, ServiceError
from voicemode.services.supervisors.supervisor import Unit

NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""Neither XML nor a unit's environment can carry it."""


def checked(unit: Unit) -> Unit:
    """`unit`, if it can be written down at all. Raises ServiceError naming what cannot."""
    texts = [unit.name, unit.title, *unit.command, *unit.environment, *unit.environment.values()]
    paths = [str(path) for path in (unit.log, *unit.writable)]
    lines = [unit.name, unit.title, *paths]
    bad = [text for text in texts + paths if NOT_TEXT.search(text)]
    bad += [text for text in lines if "\n" in text or "\t" in text or text.endswith("\\") or text != text.strip()]
    if bad:
        raise ServiceError(
            f"{unit.title!r} cannot be registered: {bad[0]!r} has characters that no unit can hold.",
            hint=Remedy("Use a base directory and settings of ordinary characters", "voicemode config list"),
        )
    return unit


def not_registered(name: str) -> ServiceError:
    """Return the error for a service that nobody has registered."""
    return ServiceError(f"{name} is not registered as a service.", hint=Remedy(command=f"voicemode service install {name}"))


def place(path: Path, text: str) -> None:
    """Have a private file with `text` at `path`. Blocks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text.encode())


def prepare(unit: Unit) -> None:
    """Make what has to be there before `unit` can run: the folders it writes in, and its log, for its owner only. Blocks."""
    for folder in (unit.log.parent, *unit.writable):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unit.log.touch(mode=0o600)


def forget(path: Path, within: Path) -> None:
    """Delete `path`, and the folders it was in, below `within`, as far as those are empty then. Blocks."""
    path.unlink(missing_ok=True)
    with suppress(OSError):
        for folder in path.parents:
            if within not in folder.parents:
                break
            folder.rmdir()
