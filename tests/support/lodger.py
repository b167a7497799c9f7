"""A service to supervise: a real process that notes its arguments, and then behaves according to its mood.

Usage: lodger.py FOLDER MOOD [ANYTHING ...]. Moods: steady (until SIGTERM), deaf (to SIGTERM), crash (at once, with 3),
brief (at once, with 0), hungry (holds 150 MB), parent (has a deaf child), curious (tries to write where that is forbidden).
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOTE = "started-"


def main(folder: Path, mood: str, *rest: str) -> None:
    umask = os.umask(0o077)
    about = {"arguments": rest, "environ": dict(os.environ), "cwd": str(Path.cwd()), "umask": umask, "nice": os.nice(0)}
    signal.signal(signal.SIGTERM, lambda *_: None if mood == "deaf" else sys.exit(0))
    if mood == "curious":
        about["written"] = [place for place in (*rest, tempfile.gettempdir()) if can_write(Path(place))]
    if mood == "parent":
        subprocess.Popen([sys.executable, __file__, str(folder), "deaf"])
    # Written under another name first, so that a note that exists is complete.
    draft = folder / f"draft-{os.getpid()}"
    draft.write_text(json.dumps(about))
    draft.rename(folder / f"{NOTE}{os.getpid()}")
    print(f"here, {mood}", flush=True)
    if mood == "crash":
        sys.exit(3)
    held = bytes(range(1, 251)) * 600_000 if mood == "hungry" else b""
    while mood != "brief":
        time.sleep(0.1)  # signal.pause would miss a signal just before it
    del held


def can_write(place: Path) -> bool:
    try:
        (place / "attempt").write_text("here")
    except OSError:
        return False
    return True


def notes(folder: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the process id and note of each process started in `folder`."""
    for path in sorted(folder.glob(f"{NOTE}*"), key=lambda path: path.stat().st_mtime_ns):
        yield int(path.name.removeprefix(NOTE)), json.loads(path.read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
