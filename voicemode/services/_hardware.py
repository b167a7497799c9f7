"""How much processor this process may use, and what follows from it for the engines.

"Cores" are what the scheduler grants: affinity and container limits count, not what is soldered in.
"""

import os
import platform
from pathlib import Path
from typing import Literal

ROOT = Path("/")

MOST_THREADS = 4
"""More do not make a short utterance faster."""


def usable_cpus(root: Path = ROOT) -> int:
    """Logical processors this process may use at once, at least 1."""
    granted = len(_affinity()) or os.cpu_count() or 1
    return max(1, min([granted, *_quotas(root)]))


def usable_cores(root: Path = ROOT) -> int:
    """Physical cores behind them: two hardware threads of one core do the work of one."""
    return max(1, min(usable_cpus(root), _cores_behind(_affinity(), root)))


def choose_whisper_model(cpus: int) -> Literal["base", "tiny.en"]:
    """The weights for `auto`: `base` hears better, but one processor alone cannot keep up with it."""
    return "base" if cpus >= 2 else "tiny.en"


def choose_threads(setting: int, cores: int) -> int:
    """Threads of an engine: the setting, or by the cores where that is 0."""
    return setting or max(1, min(MOST_THREADS, cores))


def _affinity() -> set[int]:
    """The processors we may run on; empty where the system does not say."""
    ask = getattr(os, "sched_getaffinity", None)
    return set(ask(0)) if ask else set()


def _cores_behind(cpus: set[int], root: Path) -> int:
    topology = (root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list" for cpu in cpus)
    cores = {text for path in topology if (text := _read(path))}
    if cores:
        return len(cores)
    count = len(cpus) or os.cpu_count() or 1
    hyperthreads = platform.machine().lower() in {"x86_64", "amd64", "i386", "i686"}
    return count // 2 if hyperthreads else count


def _quotas(root: Path) -> list[int]:
    """Processors that container limits grant, rounded up; one entry for each limit there is."""
    limits = [_read(path).split() for path in _cgroup_limits(root)]
    return [-(-int(limit[0]) // int(limit[1])) for limit in limits if len(limit) == 2 and limit[0].isdigit()]


def _cgroup_limits(root: Path) -> list[Path]:
    """The `cpu.max` of our own control group and of those above it."""
    base = root / "sys/fs/cgroup"
    own = next((line[3:].strip("/") for line in _read(root / "proc/self/cgroup").splitlines() if line.startswith("0::")), "")
    group = base / own
    return [folder / "cpu.max" for folder in (group, *group.parents) if folder == base or base in folder.parents]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
