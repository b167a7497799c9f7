"""Files that register a service with the system: checked, written atomically, and removed without a trace."""

import re
from contextlib import suppress
from pathlib import Path

from voicemode.config.files import write_atomically
from voicemode.errors import Remedy, ServiceError
from voicemode.services.supervisors.supervisor import Unit

NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""Characters that neither XML nor a unit's environment can hold."""


def checked(unit: Unit) -> Unit:
    """Return `unit` if it can be written to a unit file. Raises ServiceError naming a text that cannot."""
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
    """Return the error for a service that is not registered."""
    return ServiceError(f"{name} is not registered as a service.", hint=Remedy(command=f"voicemode service install {name}"))


def place(path: Path, text: str) -> None:
    """Write `text` to a private file at `path`, unless it is there already. Blocks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text.encode())


def prepare(unit: Unit) -> None:
    """Create what `unit` needs to run: the folders it writes in, and its log, for its owner only. Blocks."""
    for folder in (unit.log.parent, *unit.writable):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unit.log.touch(mode=0o600)


def forget(path: Path, within: Path) -> None:
    """Delete `path`, and each parent folder below `within` that is empty afterwards. Blocks."""
    path.unlink(missing_ok=True)
    with suppress(OSError):
        for folder in path.parents:
            if within not in folder.parents:
                break
            folder.rmdir()
