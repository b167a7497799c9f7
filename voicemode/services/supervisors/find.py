"""Finding this machine's supervisor."""

import shutil
import sys
from pathlib import Path

from voicemode.config import Settings
from voicemode.config.child_environment import child_environment, runtime_dir
from voicemode.services.supervisors.supervisor import Supervisor, SupervisorName


def find_supervisor(settings: Settings) -> Supervisor:
    """Return the supervisor that `settings` name, else this machine's. Starts no process; checks two files at most."""
    environ, home, runtime = child_environment(settings, ()), Path.home(), runtime_dir()
    match settings.supervisor if settings.supervisor != "auto" else of_this_machine(runtime):
        case "systemd":
            from voicemode.services.supervisors.systemd import Systemd

            # A cron job or a bare ssh command lacks it in its environment.
            environ["XDG_RUNTIME_DIR"] = str(runtime)
            return Systemd(home / ".config/systemd/user", settings.state_dir, environ)
        case "launchd":
            from voicemode.services.supervisors.launchd import Launchd

            return Launchd(settings.services_dir, home / "Library/LaunchAgents", environ)
        case _:
            from voicemode.services.supervisors.unsupervised import Unsupervised

            return Unsupervised()


def of_this_machine(runtime: Path | None, system: str = sys.platform) -> SupervisorName:
    """Return the supervisor for services of users here. `runtime` is the folder of the user's systemd socket, if any."""
    if system == "darwin":
        return "launchd"
    if system == "linux" and runtime and (runtime / "systemd/private").exists() and shutil.which("systemctl"):
        return "systemd"
    return "none"
