"""The log of a service: its end, its last error, and what an ending means, in words, with the remedy."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from voicemode.errors import NO_REMEDY, Remedy

TAIL_BYTES = 256 * 1024
POLL_SECONDS = 0.2

LOGGED = re.compile(r"\S+ \S+ (?:ERROR|CRITICAL) [\w.]+\[\d+\]: (?P<what>.+)")
TOLD = re.compile(r"Error: (?P<what>.+)")
RAISED = re.compile(r"(?:[\w.]+\.)?(?P<what>[A-Z]\w*(?:Error|Exception|Interrupt)\b.*)")
WATCHMAN = re.compile(r"\S+ \S+ [A-Z]+ voicemode\.watchman\[\d+\]: ")
"""Our own supervisor, in the same log: it saw that the service ended, and not why."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a service ended, or cannot work."""

    cause: str
    """A sentence."""
    remedy: Remedy = NO_REMEDY


@dataclass(frozen=True, slots=True)
class Rule:
    """Meaning of a trace that an ending leaves."""

    trace: str
    """A regular expression, found in the last error or in what the supervisor saw."""
    cause: str
    remedy: Remedy
    """`{name}` is the service, `{port}` the setting of its port."""


REINSTALL = Remedy("Install it again", "voicemode service install {name}")
SMALLER = Remedy("Free some memory, or choose smaller weights", "voicemode models")
RULES = (
    Rule(
        "out of memory|MemoryError|bad_alloc|Cannot allocate memory|Errno 12",
        "It ran out of memory.",
        SMALLER,
    ),
    Rule(
        "has that port|[Aa]ddress already in use",
        "Its port is taken by another program.",
        Remedy("End that program, or choose another port", "voicemode config set {port} NUMBER"),
    ),
    Rule("No space left|Errno 28", "The disk is full.", Remedy("Free some space, then", "voicemode service start {name}")),
    Rule(
        "WeightsError|Weights cannot|No source has|is not the official file",
        "Its weights are missing or damaged.",
        REINSTALL,
    ),
    Rule(
        "ModuleNotFoundError|ImportError|No module named|cannot open shared object|exit code (?:127|203)",
        "Its environment is incomplete.",
        REINSTALL,
    ),
    Rule("ConfigError|; it must be ", "One of its settings is wrong.", Remedy(command="voicemode config")),
    Rule(
        "Permission denied|Read-only file system|exit code 226",
        "It may not write where it has to.",
        Remedy("Look at who owns the folder that its log names", "voicemode service logs {name}"),
    ),
    Rule(
        "signal 4|Illegal instruction",
        "This processor lacks instructions that the engine was built for.",
        Remedy("Use a speech service elsewhere: set VOICEMODE_TTS_BASE_URLS or VOICEMODE_STT_BASE_URLS."),
    ),
    Rule(
        "signal 9",
        "It was killed, as the system does when memory runs out.",
        SMALLER,
    ),
    Rule("signal (?:6|7|8|11)", "Its engine crashed.", REINSTALL),
)
"""The first that fits counts."""


def explain(lines: Sequence[str], reason: str, *, name: str, port: str) -> Ending:
    """Why the service `name` ended.

    Args:
        lines: The end of its log.
        reason: What its supervisor saw: `exit code 1`, `signal 9`, `out of memory`; may be empty.
        name: For the remedies.
        port: The setting of its port, for the remedies.
    """
    lines = [line for line in lines if not WATCHMAN.match(line)]
    error = last_error(lines)
    for rule in RULES:
        if re.search(rule.trace, f"{reason}\n{error}"):
            detail = f" ({error})" if error else ""
            return Ending(
                rule.cause.removesuffix(".") + detail + ".",
                Remedy(rule.remedy.text, rule.remedy.command.format(name=name, port=port)),
            )
    told = error or next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")
    ended = f"It ended with {reason}" if reason else "It ended"
    return Ending(f"{ended}: {told}", Remedy("Look into its log", f"voicemode service logs {name}"))


def last_error(lines: Sequence[str]) -> str:
    """The last thing that went wrong: what a traceback ends with, a failure that was told, or an error that was logged."""
    raised, error = False, ""
    for line in lines:
        if line.startswith("Traceback (most recent call last)"):
            raised = True
        elif raised and not line.startswith(" ") and line.strip():
            raised, found = False, RAISED.match(line)
            error = found["what"] if found else line.strip()
        elif found := TOLD.match(line) or LOGGED.match(line):
            error = found["what"]
    return error.strip()


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of the log at `path`, of the one before it, too, if it was just rotated. Blocks."""
    found: list[str] = []
    for part in (path, _before(path)):
        if len(found) < lines:
            found = _last_lines(part) + found
    return found[-lines:] if lines > 0 else []


async def follow(path: Path) -> AsyncIterator[str]:
    """Lines as they are written at `path` from now on, across rotations. Never ends."""
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
        place = LogPosition(now.inode, 0)  # cut to nothing where it was
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
