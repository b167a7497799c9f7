"""Hardware available to this process: CPUs, memory, an NVIDIA card.

CPUs and cores are counted within affinity and container limits, not as built into the machine. No engine is imported
to count them.
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
"""Most threads of an engine; more do not speed up a short utterance."""

NVIDIA_SECONDS = 10.0
"""Timeout for the driver; its first response after boot takes some seconds."""

CUDA_LIBRARIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"linux": ("libcublas.so.12", "libcudnn.so.9"), "win32": ("cublas64_12.dll", "cudnn64_9.dll")}
)
"""Libraries CTranslate2 loads besides the driver. It has no CUDA support on other systems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """CPUs, memory and graphics card available to this process."""

    cpus: int
    """Logical CPUs available at once."""
    cores: int
    """Physical cores behind those CPUs."""
    memory_bytes: int
    """Memory of the machine, or of the container if it is limited."""
    gpu_bytes: int = 0
    """Memory of the largest NVIDIA card; 0 if there is none."""
    cuda: bool = False
    """True if CTranslate2 can use that card: the CUDA libraries are installed."""


def look(root: Path = ROOT) -> Hardware:
    """Return the available hardware. Blocks: an NVIDIA card's driver is queried, for at most NVIDIA_SECONDS."""
    gpu_bytes = nvidia_bytes()
    return Hardware(
        cpus=usable_cpus(root),
        cores=usable_cores(root),
        memory_bytes=usable_memory(root),
        gpu_bytes=gpu_bytes,
        cuda=bool(gpu_bytes) and has_cuda_libraries(),
    )


def usable_cpus(root: Path = ROOT) -> int:
    """Return the number of logical CPUs available at once, at least 1."""
    granted = len(_affinity()) or os.cpu_count() or 1
    return max(1, min([granted, *_quotas(root)]))


def usable_cores(root: Path = ROOT) -> int:
    """Return the number of physical cores behind those CPUs: two hardware threads of a core do the work of one."""
    return max(1, min(usable_cpus(root), _cores_behind(_affinity(), root)))


def usable_memory(root: Path = ROOT) -> int:
    """Return the bytes of memory available to this process."""
    limits = [_read(path) for path in _cgroup_files(root, "memory.max")]
    return min([_memory(), *(int(limit) for limit in limits if limit.isdigit())])


def choose_threads(setting: int, cores: int) -> int:
    """Return the number of threads for an engine: `setting`, or by `cores` if it is 0."""
    return setting or max(1, min(MOST_THREADS, cores))


def nvidia_bytes() -> int:
    """Return the memory of the largest NVIDIA card, as reported by its driver; 0 if there is none."""
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
    """True if the system's loader finds the libraries CTranslate2 needs to use a card."""
    import ctypes

    names = CUDA_LIBRARIES.get(sys.platform)
    try:
        return names is not None and all(ctypes.CDLL(name) for name in names)
    except OSError:
        return False


def _memory() -> int:
    """Return the bytes of memory of this machine."""
    import psutil

    try:
        return psutil.virtual_memory().total
    except OSError:  # Linux without /proc
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _affinity() -> set[int]:
    """Return the CPUs this process can run on; empty if the system does not report them."""
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
    """Return the CPUs granted by each container limit, rounded up."""
    limits = [_read(path).split() for path in _cgroup_files(root, "cpu.max")]
    return [-(-int(limit[0]) // int(limit[1])) for limit in limits if len(limit) == 2 and limit[0].isdigit()]


def _cgroup_files(root: Path, name: str) -> list[Path]:
    """Return the files called `name` of this process's control group and its ancestors."""
    base = root / "sys/fs/cgroup"
    own = next((line[3:].strip("/") for line in _read(root / "proc/self/cgroup").splitlines() if line.startswith("0::")), "")
    group = base / own
    return [folder / name for folder in (group, *group.parents) if folder == base or base in folder.parents]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
