"""A real `systemd --user`, private to one test: its units in the test's home, its sockets in a separate folder.

It has its own control group, /run and mounts; files, network and process ids are the machine's, so that tests and their
processes see each other. There is no journal and no logind.

Needs root, and from Debian: systemd dbus dbus-user-session util-linux.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

PACKAGES = "systemd dbus dbus-user-session util-linux"
SYSTEMD = Path("/lib/systemd/systemd")
START_SECONDS = 15.0

# systemd requires the folder /run/systemd/system. The second unshare makes our control group the root of the tree.
SCRIPT = """
set -e
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$1" && echo $$ >"/sys/fs/cgroup/$1/cgroup.procs"
shift
exec unshare --cgroup --mount --propagation private sh -ec '
umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system
exec "$@"' - "$@"
"""
# A changed root rules out user namespaces, and the missing capability all others.
WEAK = 'mount --rbind / "$0" && exec chroot "$0" setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$@"'


def missing() -> str:
    """Return why there can be no systemd here; empty if there can."""
    programs = [name for name in ("systemctl", "systemd-run", "unshare", "setpriv") if shutil.which(name) is None]
    if programs or not SYSTEMD.exists():
        return f"no {', '.join(programs) or SYSTEMD}: apt-get install {PACKAGES}"
    if os.geteuid() != 0:
        return "a systemd of the test's own needs root, for its control group: sudo scripts/check"
    trial = ["unshare", "--mount", "--cgroup", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    done = subprocess.run(trial, capture_output=True, text=True, timeout=START_SECONDS, check=False)
    return f"no namespaces on this machine: {done.stderr.strip()}" if done.returncode else ""


class UserSystemd:
    """The systemd manager. A context manager: systemd and all it started run only while it is entered."""

    def __init__(self, home: Path, *, weak: bool = False) -> None:
        """If `weak`, systemd cannot make namespaces, as in many containers."""
        self.folder = Path(tempfile.mkdtemp(prefix="vm-systemd-"))  # a socket's path has 107 characters at most
        self.log = self.folder / "log"
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(self.folder)}
        self._group = self.folder.name
        self._weak = weak
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        (self.folder / "root").mkdir()
        weaken = ["sh", "-ec", WEAK, str(self.folder / "root")] if self._weak else []
        manager = [*weaken, "setpriv", "--pdeathsig", "TERM", str(SYSTEMD), "--user"]
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "-", self._group, *manager]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._await_manager()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self._process:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(START_SECONDS)
            self._process.kill()
            self._process.wait()
        for group in self._groups():
            for pid in (group / "cgroup.procs").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            with suppress(OSError):  # a process that was just killed may still be in the group
                group.rmdir()
        (self.folder / "root").rmdir()  # a mount in the other namespace only; fails if it is one here, too
        shutil.rmtree(self.folder)

    def ask(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a program such as systemctl with this systemd."""
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=30, check=False)

    def _await_manager(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.ask("systemctl", "--user", "is-active", "default.target").returncode:
            if time.monotonic() > deadline or (self._process and self._process.poll() is not None):
                raise RuntimeError(f"systemd does not start:\n{self.log.read_text()}")
            time.sleep(0.02)

    def _groups(self) -> list[Path]:
        """Return the control groups of this systemd, innermost first, as this process sees them."""
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        tops = [Path(mount[1]) / self._group for mount in mounts if mount[2] == "cgroup2"]
        return [path for top in tops if top.is_dir() for path in [*sorted(top.rglob("*/"), reverse=True), top]]


@pytest.fixture
def user_systemd(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UserSystemd]:
    """A systemd for this test only, which `find_supervisor` finds."""
    if reason := missing():
        pytest.skip(reason)
    with UserSystemd(home) as manager:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(manager.folder))
        yield manager


@pytest.fixture
def weak_systemd(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UserSystemd]:
    """A systemd that cannot make namespaces."""
    if reason := missing():
        pytest.skip(reason)
    with UserSystemd(home, weak=True) as manager:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(manager.folder))
        yield manager
