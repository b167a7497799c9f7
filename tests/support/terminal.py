"""A person who types commands, with VoiceMode installed from the wheel."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.support.mcp_client import environment
from tests.support.systemd import UserSystemd
from tests.support.wheels import UV, UV_CACHE, uv
from voicemode.services.install.environment import python_of

WAIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Person:
    """A person at a terminal who manages one service."""

    service: str
    program: Path
    """Python of the environment where VoiceMode is installed."""
    environ: Mapping[str, str]

    @classmethod
    def newcomer(cls, service: str, folder: Path, wheel: Path, systemd: UserSystemd | None, **settings: str) -> Self:
        """Return a person who has just installed VoiceMode in `folder`; without `systemd` nothing supervises services."""
        program = python_of(folder)
        uv("venv", "--quiet", "--python", sys.executable, str(folder))
        uv("pip", "install", "--quiet", "--python", str(program), f"voicemode @ {wheel.as_uri()}")
        environ = environment(
            **({"XDG_RUNTIME_DIR": str(systemd.folder)} if systemd else {"VOICEMODE_SUPERVISOR": "none"}),
            PATH=f"{UV.parent}{os.pathsep}{os.environ['PATH']}",
            UV_CACHE_DIR=UV_CACHE,
            UV_SYSTEM_CERTS="1",
            COLUMNS="100",
            **settings,
        )
        del environ["PYTHONPATH"]
        return cls(service, program, environ)

    def types(self, *arguments: str, succeeds: bool = True) -> str:
        """Run `voicemode ARGUMENTS`; return its stdout and stderr."""
        done = self._run(*arguments)
        assert (done.returncode == 0) is succeeds, done.stdout + done.stderr
        return done.stdout + done.stderr

    def sees(self) -> dict[str, Any]:
        """Return the status of the service."""
        (status,) = json.loads(self._run("service", "status", self.service, "--json").stdout)["services"]
        return dict(status)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.program), "-m", "voicemode", *arguments]
        home = self.environ["HOME"]
        return subprocess.run(
            command, env=self.environ, cwd=home, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
        )
