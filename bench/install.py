"""Installing whisper and kokoro under systemd, and the time until they answer after a start and after a crash."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.lab import Lab
from tests.support.agents import free_ports
from tests.support.paths import REPOSITORY
from tests.support.systemd import UserSystemd, missing
from tests.support.wheels import UV, UV_CACHE
from voicemode.config import load_settings
from voicemode.services import find
from voicemode.services.health import Health, health

SERVICES = ("whisper", "kokoro")
ANSWER_SECONDS = 60.0
LOOK_SECONDS = 0.005
SYSTEMD_PROGRAMS = ("systemctl", "systemd-run", "loginctl", "true")
COLD_AIMS: Mapping[str, float] = {"whisper": 3.0, "kokoro": 4.0}


@dataclass(frozen=True, slots=True)
class Machine:
    """A home where nothing is installed, with VoiceMode's command line."""

    home: Path
    environ: Mapping[str, str]

    def voicemode(self, *arguments: str) -> float:
        """Run a command; return the seconds it took."""
        begun = time.perf_counter()
        command = [sys.executable, "-m", "voicemode", *arguments]
        done = subprocess.run(command, env=self.environ, cwd=self.home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return time.perf_counter() - begun

    def unit(self, service: str) -> dict[str, Any]:
        """Return the registered unit."""
        record = self.home / ".voicemode/services" / service / "installed.json"
        return dict(json.loads(record.read_text())["unit"])

    def health(self, service: str) -> Health | None:
        settings = load_settings(self.environ, self.home).settings
        return asyncio.run(health(find(service).health_url(settings)))

    def ready(self, service: str, but_not: int = 0) -> Health:
        """Return the health of the service once it is ready, in a process other than `but_not`."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            state = self.health(service)
            if state and state.status == "ready" and state.pid != but_not:
                return state
            time.sleep(LOOK_SECONDS)
        raise AssertionError(f"{service} did not become ready within {ANSWER_SECONDS:g} s")


@contextmanager
def machine(lab: Lab, number: int) -> Iterator[Machine]:
    """Yield a new machine with its own systemd. PATH has nothing but systemd's programs: neither a compiler nor git.

    Raises SystemExit, which says what to install, if systemd cannot run.
    """
    if reason := missing():
        raise SystemExit(f"A systemd of this bench's own cannot be run: {reason}")
    home = lab.home / f"machine-{number}"
    (home / "bin").mkdir(parents=True)
    for program in SYSTEMD_PROGRAMS:
        (home / "bin" / program).symlink_to(shutil.which(program) or program)
    whisper, kokoro = free_ports(2)
    environ = lab.environ(UV=str(UV), UV_CACHE_DIR=UV_CACHE, UV_SYSTEM_CERTS="1")
    own = {"HOME": str(home), "PATH": str(home / "bin"), "VOICEMODE_WHISPER_PORT": str(whisper)}
    with UserSystemd(home) as systemd:
        ports = {"VOICEMODE_KOKORO_PORT": str(kokoro), "XDG_RUNTIME_DIR": str(systemd.folder)}
        made = Machine(home, {**environ, **own, **ports})
        try:
            yield made
        finally:
            for service in SERVICES:
                made.voicemode("service", "uninstall", service, "--yes")


def measure(lab: Lab) -> list[Figure]:
    installing, nothing = [], []
    for number in range(lab.few_runs):
        with machine(lab, number) as fresh:
            installing.append(sum(fresh.voicemode("service", "install", service) for service in SERVICES))
            nothing.append(sum(fresh.voicemode("service", "install", service) for service in SERVICES) / len(SERVICES))
            if number == lab.few_runs - 1:
                coming = [figure for service in SERVICES for figure in (death(fresh, service, lab), start(fresh, service, lab))]
    return [
        Figure(name="install whisper + kokoro, weights at hand, no compiler", values=tuple(installing), at_most=60),
        Figure(name="nothing to do, each", values=tuple(nothing), at_most=1),
        *coming,
    ]


def death(installed: Machine, service: str, lab: Lab) -> Figure:
    """Measure the time from a kill until the service answers again."""
    taken = []
    for _ in range(lab.few_runs):
        pid = installed.ready(service).pid
        begun = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        installed.ready(service, but_not=pid)
        taken.append(time.perf_counter() - begun)
    return Figure(name=f"{service} killed → answering again", values=tuple(taken), at_most=3)


def start(installed: Machine, service: str, lab: Lab) -> Figure:
    """Measure the time from process start until the service is healthy, without the supervisor."""
    installed.voicemode("service", "stop", service)
    unit, taken = installed.unit(service), []
    for _ in range(lab.runs):
        begun = time.perf_counter()
        with subprocess.Popen(unit["command"], env=unit["environment"], cwd=REPOSITORY.anchor) as process:
            installed.ready(service)
            taken.append(time.perf_counter() - begun)
            process.terminate()
    return Figure(name=f"{service}, cold start → healthy", values=tuple(taken), at_most=COLD_AIMS[service])
