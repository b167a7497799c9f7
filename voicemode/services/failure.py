"""Causes of server failures: from the server's own note in the state folder, else from what its supervisor reported."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from voicemode.config import Settings
from voicemode.config.files import private_folder, write_atomically
from voicemode.errors import NO_REMEDY, Remedy, VoiceModeError, remedy_of


@dataclass(frozen=True, slots=True)
class ServerFailure:
    """Cause of a server's failure, and its remedy."""

    cause: str
    """Cause, as a sentence."""
    remedy: Remedy = NO_REMEDY


def look_into_log(name: str) -> Remedy:
    """Return the remedy that shows the log of the server called `name`."""
    return Remedy("Look into its log", f"voicemode service logs {name}")


MEMORY = Remedy("Free some memory, or choose smaller weights", "voicemode models")
ELSEWHERE = Remedy("Use a speech service elsewhere: set VOICEMODE_TTS_BASE_URLS or VOICEMODE_STT_BASE_URLS.")
CRASH = "Its engine crashed."
REINSTALL = Remedy("Install it again", "voicemode service install {name}")
SEEN = {
    "out of memory": ServerFailure("It ran out of memory.", MEMORY),
    "signal 9": ServerFailure("It was killed, as the system does when memory runs out.", MEMORY),
    "signal 4": ServerFailure("This processor lacks instructions that the engine was built for.", ELSEWHERE),
    **dict.fromkeys(("signal 6", "signal 7", "signal 8", "signal 11"), ServerFailure(CRASH, REINSTALL)),
    **dict.fromkeys(("exit code 127", "exit code 203"), ServerFailure("Its environment is incomplete.", REINSTALL)),
}
"""Failures by the reason a supervisor reports."""


def failure_file(name: str, settings: Settings) -> Path:
    """Return the file in which the server called `name` notes its failure."""
    return settings.state_dir / f"{name}-failure.json"


@contextmanager
def noting_failure(name: str, settings: Settings) -> Iterator[None]:
    """Note the failure that ends the server, and forget the one of an earlier run. Blocks."""
    path = failure_file(name, settings)
    with suppress(OSError):
        path.unlink(missing_ok=True)
    try:
        yield
    except Exception as error:
        with suppress(OSError):  # the disk itself may be the problem
            private_folder(path.parent)
            write_atomically(path, json.dumps(asdict(understand(name, error))).encode())
        raise


def load_failure(name: str, settings: Settings) -> ServerFailure | None:
    """Return the failure that ended the last run of the server; None if there was none. Blocks."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        noted = json.loads(failure_file(name, settings).read_text(encoding="utf-8"))
        return ServerFailure(noted["cause"], remedy_of(noted["remedy"]))
    return None


def understand(name: str, error: Exception) -> ServerFailure:
    """Return the failure of the server called `name` that `error` describes. Pure."""
    what = f"{type(error).__name__}: {error}"
    match error:
        case VoiceModeError():
            return ServerFailure(error.message, error.hint)
        case MemoryError() | OSError(errno=errno.ENOMEM):
            return ServerFailure(f"It ran out of memory ({what}).", MEMORY)
        case ImportError():
            return ServerFailure(f"Its environment is incomplete ({what}).", _about(REINSTALL, name))
        case OSError(errno=errno.ENOSPC):
            return ServerFailure("The disk is full.", Remedy("Free some space, then", f"voicemode service start {name}"))
        case OSError(errno=errno.EACCES | errno.EPERM | errno.EROFS):
            return ServerFailure(f"It may not write where it has to ({what}).", Remedy("Look at who owns that folder."))
        case _:
            return ServerFailure(f"It failed: {what}", look_into_log(name))


def explain(name: str, noted: ServerFailure | None, reason: str, last_words: str) -> ServerFailure:
    """Return the failure that ended the service `name`.

    Args:
        name: Name of the service, for the remedies.
        noted: The failure that the server noted itself.
        reason: The reason that its supervisor reports: `exit code 1`, `signal 9`, `out of memory`; can be empty.
        last_words: The last line of its log.
    """
    if noted:
        return noted
    if seen := SEEN.get(reason):
        return ServerFailure(seen.cause, _about(seen.remedy, name))
    ended = f"It ended with {reason}" if reason else "It ended"
    return ServerFailure(f"{ended}: {last_words or 'it wrote nothing'}", look_into_log(name))


def _about(remedy: Remedy, name: str) -> Remedy:
    return Remedy(remedy.text, remedy.command.format(name=name))
