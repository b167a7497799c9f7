"""Install a service as `voicemode service install` would, and die at a point that the test chooses.

Usage: install_once.py SERVICE OPTIONS, in JSON: fields of InstallOptions, `supervisor` (the folder of a HandSupervisor; by
default this machine's supervisor) and `die_at` (kill this process at the first report with that prefix, so that a rerun
finds what a power cut would leave). Reads settings from the environment. Prints the actions and the seconds taken, as JSON.
"""

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.support.hand_supervisor import HandSupervisor
from voicemode.config import load_settings
from voicemode.errors import VoiceModeError
from voicemode.progress import Progress
from voicemode.services import find
from voicemode.services.install.install import install
from voicemode.services.install.installation import InstallOptions
from voicemode.services.supervisors.find import find_supervisor


async def main(name: str, supervisor: str = "", die_at: str = "", **options: Any) -> None:
    def report(progress: Progress) -> None:
        print(progress, file=sys.stderr, flush=True)
        if die_at and str(progress).startswith(die_at):
            os.kill(os.getpid(), signal.SIGKILL)

    begun, settings = time.monotonic(), load_settings().settings
    watcher = HandSupervisor(Path(supervisor)) if supervisor else find_supervisor(settings)
    done = await install(find(name), settings, watcher, InstallOptions(**options), report)
    print(json.dumps({**asdict(done), "seconds": time.monotonic() - begun}))


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], **json.loads(sys.argv[2])))
    except VoiceModeError as error:
        sys.exit(f"Error: {error}")
