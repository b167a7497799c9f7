"""A real container engine, private to the tests: Podman with separate storage, network and locks.

Images are kept from run to run. The base image is not downloaded: a Debian of the same release, made from Debian's
packages, takes its name.

Needs root, and from Debian: podman runc netavark aardvark-dns iptables catatonit debootstrap iproute2 util-linux.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

PACKAGES = "podman runc netavark aardvark-dns iptables catatonit debootstrap iproute2 util-linux"
PARTS = ("podman", "runc", "iptables", "debootstrap", "ip", "unshare", "nsenter", "setpriv")
COMPOSE = Path(sys.executable).with_name("podman-compose")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

Environ = Mapping[str, str]
NOTHING: Environ = MappingProxyType({})

# Hides the folders that Podman would share with the person's own Podman, and prints `ready` once commands can run.
SCRIPT = """
for place in /run/containers /run/libpod /run/netns /dev/shm; do
  mkdir -p $place && mount -t tmpfs tmpfs $place
done
ip link set lo up
echo ready
exec sleep infinity
"""
# Podman's default limits exceed those that some sandboxes grant.
CONTAINERS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""
STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "/run/containers/storage"
"""


def missing() -> str:
    """Return why no containers can run here; empty if they can."""
    programs = [name for name in PARTS if shutil.which(name) is None]
    if programs:
        return f"no {', '.join(programs)}: apt-get install {PACKAGES}"
    if not COMPOSE.exists():
        return "podman-compose is not installed beside this Python: scripts/check installs it"
    if os.geteuid() != 0:
        return "containers with a network of the test's own need root: sudo scripts/check"
    trial = ["unshare", "--mount", "--net", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    done = subprocess.run(trial, capture_output=True, text=True, timeout=15, check=False)
    return f"no namespaces on this machine: {done.stderr.strip()}" if done.returncode else ""


class Podman:
    """The engine. Call it with the arguments of `podman`; `compose` and `beside` run other programs."""

    def __init__(self, folder: Path, keeper: int, project: Path) -> None:
        """Use the namespaces of the process `keeper`; `project` has compose.yaml."""
        self._project = project
        self._enter = ("nsenter", "--target", str(keeper), "--mount", f"--wd={project}")
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "DISABLE_HC_SYSTEMD": "true",  # the tests run health checks themselves, as there may be no systemd
        }

    def __call__(self, *arguments: str, seconds: float = 60) -> str:
        """Return the output of `podman`; a failure fails the test."""
        done = self.beside("podman", *arguments, seconds=seconds)
        assert done.returncode == 0, f"podman {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def compose(self, *arguments: str, **environ: str) -> None:
        """Run `podman-compose` on the project's compose.yaml; a failure fails the test."""
        done = self.beside(str(COMPOSE), "--no-ansi", *arguments, seconds=120, environ=environ)
        assert done.returncode == 0, done.stdout + done.stderr

    def beside(self, *command: str, seconds: float = 60, environ: Environ = NOTHING) -> "subprocess.CompletedProcess[str]":
        """Run a program on the containers' host, where their published ports are."""
        return self._run([*self._enter, "--net", *command], seconds, environ)

    def build(self, tag: str, *options: str) -> None:
        """Build the project's Dockerfile with this machine's network."""
        command = ["podman", "build", "--network", "host", "--tag", tag, *options, str(self._project)]
        done = self._run([*self._enter, *command], 600)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def clear(self) -> None:
        """Remove everything but images."""
        for name in self("ps", "--all", "--quiet").split():  # --all fails on containers that others depend on
            self("rm", "--force", "--depend", "--ignore", "--time", "1", name)
        self("volume", "prune", "--force")
        self("network", "prune", "--force")

    def has_image(self, name: str) -> bool:
        return self.beside("podman", "image", "exists", name).returncode == 0

    def import_image(self, name: str, root: Path) -> None:
        """Make an image from the folder `root`, with this machine's trusted certificates."""
        shutil.copy(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
        archive = Path(shutil.make_archive(str(root), "tar", root))
        changes = [f"SSL_CERT_FILE={CERTIFICATES}", f"PIP_CERT={CERTIFICATES}", "UV_SYSTEM_CERTS=1"]
        self("import", *(f"--change=ENV {change}" for change in changes), str(archive), name, seconds=300)
        archive.unlink()

    def _run(self, command: list[str], seconds: float, environ: Environ = NOTHING) -> "subprocess.CompletedProcess[str]":
        variables = {**self._environ, **environ}
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=seconds, check=False)


@contextmanager
def podman(folder: Path, project: Path) -> Iterator[Podman]:
    """Yield the engine with its images in `folder`; remove containers, volumes and networks at the end."""
    (folder / "containers.conf").write_text(CONTAINERS.format(folder=folder))
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder))
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "sh", "-ec", SCRIPT]
    keeper = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    with keeper:
        assert keeper.stdout
        try:
            assert keeper.stdout.readline() == "ready\n", "the namespaces cannot be set up"
            engine = Podman(folder, keeper.pid, project)
            engine.clear()  # a run that was killed leaves its containers behind
            yield engine
            engine.clear()
        finally:
            keeper.kill()


def debian_with_python(release: str, root: Path) -> None:
    """Install a minimal Debian `release` with Python into `root`; skip the test if Debian's packages cannot be reached."""
    command = ["debootstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates", release, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    said = done.stdout[-2000:] + done.stderr[-2000:]
    if "Failed getting release file" in said:
        pytest.skip(f"Debian's packages cannot be reached, and the image is based on them: {said}")
    assert done.returncode == 0, said
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
