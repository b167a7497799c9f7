"""Starting a program that outlives whoever starts it, with a log of its own."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

LOG_BYTES = 1_000_000
"""A longer log is put aside as NAME.log.1 at the next start."""


def spawn_detached(
    command: Sequence[str], *, environ: Mapping[str, str], output: BinaryIO, name: str
) -> "subprocess.Popen[bytes]":
    """Start `command` in a session of its own. `name` is for the thread that waits for its end."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environ,
        cwd=Path(sys.executable).anchor,  # so that it keeps no folder from being removed
        start_new_session=True,  # a Ctrl-C for us is not for it
        creationflags=detached(),
    )
    # It may end while we live on: somebody has to take note, or it stays as a zombie.
    threading.Thread(target=process.wait, name=f"{name}-reaper", daemon=True).start()
    return process


def detached() -> int:
    """The flags Windows needs for that."""
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return 0


def open_log(path: Path) -> BinaryIO:
    """The log, for appending; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
