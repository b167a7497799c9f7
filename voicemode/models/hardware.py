"""Hardware this process may use: processors, memory, an NVIDIA card.

"Cores" are what the scheduler grants: affinity and container limits count, not what is soldered in. No engine is
imported to find out.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ROOT = Path("/")

MOST_THREADS = 4
"""More do not make a short utterance faster."""

NVIDIA_SECONDS = 10.0
"""Given to the driver to answer; the first question after a start takes some seconds."""

CUDA_LIBRARIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"linux": ("libcublas.so.12", "libcudnn.so.9"), "win32": ("cublas64_12.dll", "cudnn64_9.dll")}
)
"""What CTranslate2 loads beside the driver. It has no CUDA on other systems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """Processors, memory and graphics card to compute with."""

    cpus: int
    """Logical processors we may use at once."""
    cores: int
    """Physical ones behind them."""
    memory_bytes: int
    """Memory of the machine, or of the container we run in."""
    gpu_bytes: int = 0
    """Memory of the largest NVIDIA card; 0 where there is none."""
    cuda: bool = False
    """True if CTranslate2 can use that card: CUDA's libraries are here."""


def look(root: Path = ROOT) -> Hardware:
    """Return the hardware we may use. Blocks: where there is an NVIDIA card, its driver is asked, up to a second."""
    gpu_bytes = nvidia_bytes()
    return Hardware(
        cpus=usable_cpus(root),
        cores=usable_cores(root),
        memory_bytes=usable_memory(root),
        gpu_bytes=gpu_bytes,
        cuda=bool(gpu_bytes) and has_cuda_libraries(),
    )


def usable_cpus(root: Path = ROOT) -> int:
    """Logical processors this process may use at once, at least 1."""
    granted = len(_affinity()) or os.cpu_count() or 1
    return max(1, min([granted, *_quotas(root)]))


def usable_cores(root: Path = ROOT) -> int:
    """Physical cores behind them: two hardware threads of one core do the work of one."""
    return max(1, min(usable_cpus(root), _cores_behind(_affinity(), root)))


def usable_memory(root: Path = ROOT) -> int:
    """Bytes of memory this process may fill."""
    limits = [_read(path) for path in _cgroup_files(root, "memory.max")]
    return min([_memory(), *(int(limit) for limit in limits if limit.isdigit())])


def choose_threads(setting: int, cores: int) -> int:
    """Threads of an engine: the setting, or by the cores where that is 0."""
    return setting or max(1, min(MOST_THREADS, cores))


def nvidia_bytes() -> int:
    """Memory of the largest NVIDIA card, as its driver says; 0 where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    query = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=NVIDIA_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return max((int(line) << 20 for line in done.stdout.split() if line.isdigit()), default=0)


def has_cuda_libraries() -> bool:
    """True if the system's loader finds what CTranslate2 needs to use a card."""
    import ctypes

    names = CUDA_LIBRARIES.get(sys.platform)
    try:
        return names is not None and all(ctypes.CDLL(name) for name in names)
    except OSError:
        return False


def _memory() -> int:
    """Bytes of memory of this machine."""
    import psutil

    try:
        return psutil.virtual_memory().total
    except OSError:  # Linux without /proc
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


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
    limits = [_read(path).split() for path in _cgroup_files(root, "cpu.max")]
    return [-(-int(limit[0]) // int(limit[1])) for limit in limits if len(limit) == 2 and limit[0].isdigit()]


def _cgroup_files(root: Path, name: str) -> list[Path]:
    """The files called `name` of our own control group and of those above it."""
    base = root / "sys/fs/cgroup"
    own = next((line[3:].strip("/") for line in _read(root / "proc/self/cgroup").splitlines() if line.startswith("0::")), "")
    group = base / own
    return [folder / name for folder in (group, *group.parents) if folder == base or base in folder.parents]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
