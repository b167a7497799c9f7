"""Logging: stderr and rotating files, never stdout, which belongs to MCP.

Transcripts and messages are logged at `debug` only, never at `info` or above: a log must be fit to be shown to others.
Keys are redacted at every level.
"""

import logging
import os
import re
import sys
from collections.abc import Iterable
from copy import copy
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)s %(name)s[%(process)d]: %(message)s"
LOG_FILE = "voicemode.log"
FILE_BYTES = 1_000_000
FILES = 3
"""Number of log files: the current one and its predecessors."""
KEYS = re.compile(r"(?i:\b(bearer\s+))[^\s\"',]+|\bsk-[\w-]{6,}")
HIDDEN = "[redacted]"


def configure(level: str, logs_dir: Path | None, *, secrets: Iterable[str] = (), stderr: bool = True) -> None:
    """Log to `stderr` and to voicemode.log in `logs_dir`, if any, without `secrets`. A later call replaces an earlier one.

    Our own messages are logged from `level` up, those of libraries from warnings up. If the directory cannot be written,
    a warning takes the place of the log file.
    """
    _begin(level)
    said = StderrHandler()
    if stderr:
        _add(said, Redacting(secrets))
    if logs_dir is not None and _add_file(logs_dir / LOG_FILE, Redacting(secrets)):
        # Tracebacks go to the file only.
        said.setFormatter(Untraced(secrets))


def configure_file(level: str, path: Path, *, secrets: Iterable[str] = ()) -> None:
    """Log to the file at `path`, or to stderr if that cannot be written."""
    formatter = Redacting(secrets)
    _begin(level)
    if not _add_file(path, formatter):
        _add(StderrHandler(), formatter)


def record_failure(error: BaseException, logs_dir: Path, *, secrets: Iterable[str] = ()) -> Path | None:
    """Write an unexpected `error` to the log file only; return the path of that, None if it cannot be written."""
    reset()
    if not _add_file(logs_dir / LOG_FILE, Redacting(secrets)):
        return None
    logging.getLogger(__name__).error("%s", " ".join(sys.argv[1:2]), exc_info=error)
    return logs_dir / LOG_FILE


def reset() -> None:
    """Undo `configure`."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, StderrHandler | PrivateFileHandler)]:
        root.removeHandler(handler)
        handler.close()


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without `secrets` and without anything that looks like a key."""
    # Longest first: a key that begins like a shorter one is hidden as a whole.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return KEYS.sub(lambda match: f"{match[1] or ''}{HIDDEN}", text)


class Redacting(logging.Formatter):
    """Redacts the finished text, so that tracebacks are covered, too."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__(FORMAT)
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), self._secrets)


class Untraced(Redacting):
    """Names the exception of a record in its line, without a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info is None or record.exc_info[0] is None:
            return super().format(record)
        short = copy(record)
        short.msg, short.args = f"{record.getMessage()} ({record.exc_info[0].__name__})", ()
        short.exc_info = short.exc_text = short.stack_info = None
        return super().format(short)


class StderrHandler(logging.StreamHandler[TextIO]):
    """A type of its own, so that `reset` finds it again."""


class PrivateFileHandler(RotatingFileHandler):
    """Rotating log files that only their owner can read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8", errors="backslashreplace")
        self.rotator = emptied_into

    def _open(self) -> TextIOWrapper:
        path = Path(self.baseFilename)
        path.touch(mode=0o600)
        path.chmod(0o600)
        return path.open("a", encoding=self.encoding, errors=self.errors)


def emptied_into(source: str, target: str) -> None:
    """Move the content of a log to `target`, but keep its file: a supervisor that appends our stderr has it open, too."""
    import shutil

    Path(target).touch(mode=0o600)
    shutil.copyfile(source, target)
    os.truncate(source, 0)


def _begin(level: str) -> None:
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("voicemode").setLevel(level.upper())
    reset()


def _add(handler: logging.Handler, formatter: logging.Formatter) -> None:
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)


def _add_file(path: Path, formatter: logging.Formatter) -> bool:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _add(PrivateFileHandler(path), formatter)
    except OSError as error:
        logging.getLogger(__name__).warning("No log file in %s: %s", path.parent, error.strerror)
        return False
    return True
