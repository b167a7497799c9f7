"""The log of a service: reading its last lines, and following it as it grows."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from voicemode.config import Settings

TAIL_BYTES = 256 * 1024
POLL_SECONDS = 0.2
LAST_LINES = 10


def log_path(name: str, settings: Settings) -> Path:
    """Return the path of the log of the server called `name`."""
    return settings.logs_dir / f"{name}.log"


def tail(path: Path, lines: int) -> list[str]:
    """Return the last `lines` lines of the log at `path`, from its rotated predecessor if it is too short. Blocks."""
    found: list[str] = []
    for part in (path, _before(path)):
        if len(found) < lines:
            found = _last_lines(part) + found
    return found[-lines:] if lines > 0 else []


def last_words(path: Path) -> str:
    """Return the last line of the log at `path` that is not blank; empty if there is none. Blocks."""
    return next((line.strip() for line in reversed(tail(path, LAST_LINES)) if line.strip()), "")


async def follow(path: Path) -> AsyncIterator[str]:
    """Yield lines as they are appended to the log at `path`, across rotations. Never ends."""
    place = await asyncio.to_thread(_end, path)
    rest = b""
    while True:
        chunk, place = await asyncio.to_thread(_read_on, path, place)
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line.decode(errors="replace").rstrip("\r")
        if not chunk:
            await asyncio.sleep(POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class LogPosition:
    """Position up to which a log has been read."""

    inode: int
    position: int


def _end(path: Path) -> LogPosition:
    try:
        state = path.stat()
    except OSError:
        return LogPosition(0, 0)
    return LogPosition(state.st_ino, state.st_size)


def _read_on(path: Path, place: LogPosition) -> tuple[bytes, LogPosition]:
    """Read on from `place`; return the text and the new position. The file is not kept open: it may be rotated."""
    now = _end(path)
    if now.inode == place.inode and now.position < place.position:
        place = LogPosition(now.inode, 0)  # truncated in place
    rest = b""
    if now.inode != place.inode:
        if _end(_before(path)).inode == place.inode:
            rest = _read(_before(path), place.position)
        place = LogPosition(now.inode, 0)
    chunk = _read(path, place.position)
    return rest + chunk, LogPosition(place.inode, place.position + len(chunk))


def _read(path: Path, position: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(position)
            return file.read(TAIL_BYTES)
    except OSError:
        return b""


def _last_lines(path: Path) -> list[str]:
    size = _end(path).position
    begin = max(0, size - TAIL_BYTES)
    lines = _read(path, begin).decode(errors="replace").splitlines()
    return lines[1:] if begin else lines


def _before(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")
