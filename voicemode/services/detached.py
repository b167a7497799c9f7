"""Starting a program that outlives its parent, with its own log."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

LOG_BYTES = 1_000_000
"""Size above which a log is rotated to NAME.log.1 at the next start."""


def spawn_detached(
    command: Sequence[str], *, environ: Mapping[str, str], output: BinaryIO, name: str
) -> "subprocess.Popen[bytes]":
    """Start `command` in its own session. `name` names the thread that waits for its end."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environ,
        cwd=Path(sys.executable).anchor,  # a working directory elsewhere could not be removed
        start_new_session=True,  # our Ctrl-C does not reach the program
        creationflags=detached(),
    )
    # A program that ends before we do has to be reaped, or it remains a zombie.
    threading.Thread(target=process.wait, name=f"{name}-reaper", daemon=True).start()
    return process


def detached() -> int:
    """Return the creation flags that detach a process on Windows; 0 elsewhere."""
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return 0


def open_log(path: Path) -> BinaryIO:
    """Open the log for appending, rotating a long one; only its owner can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
