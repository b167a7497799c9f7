"""A stand-in for macOS's launchctl: the verbs and the output of the real one, and real processes.

Usage: launchctl.py FOLDER VERB [ARGUMENT ...]. Its state is in FOLDER/state.json; every call is noted in FOLDER/calls.
A job that is ending is still listed by the next `print`, as launchd takes a moment.
"""

import json
import os
import plistlib
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

NOT_FOUND = 113
ALREADY_LOADED = 5
IN_PROGRESS = 36


class Launchctl:
    def __init__(self, folder: Path) -> None:
        self._file = folder / "state.json"
        self._state: dict[str, Any] = json.loads(self._file.read_text())

    def call(self, verb: str, *arguments: str) -> int:
        status = int(getattr(self, verb.replace("-", "_"))(*arguments) or 0)
        self._file.write_text(json.dumps(self._state))
        return status

    def bootstrap(self, domain: str, path: str) -> int:
        job = plistlib.loads(Path(path).read_bytes())
        target = f"{domain}/{job['Label']}"
        if target in self._state["loaded"] or job["Label"] in self._state["disabled"]:
            print("Bootstrap failed: 5: Input/output error", file=sys.stderr)
            return ALREADY_LOADED
        with Path(job["StandardOutPath"]).open("ab") as log:
            process = subprocess.Popen(
                job["ProgramArguments"],
                env={**os.environ, **job["EnvironmentVariables"]},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=job["WorkingDirectory"],
                start_new_session=True,
            )
        self._state["loaded"][target] = {"pid": process.pid, "leaving": 0}
        return 0

    def bootout(self, target: str) -> int:
        job = self._state["loaded"].get(target)
        if job is None:
            print("Boot-out failed: 3: No such process", file=sys.stderr)
            return 3
        job["leaving"] = 2
        with suppress(ProcessLookupError):
            os.kill(job["pid"], signal.SIGTERM)
        return IN_PROGRESS

    def print(self, target: str) -> int:
        job = self._state["loaded"].get(target)
        if job and job["leaving"]:
            job["leaving"] -= 1
            if not job["leaving"]:
                del self._state["loaded"][target]
        if job is None:
            print(f'Bad request.\nCould not find service "{target}" in domain', file=sys.stderr)
            return NOT_FOUND
        print(DESCRIPTION.format(target=target, pid=job["pid"]))
        return 0

    def print_disabled(self, _domain: str) -> None:
        services = "".join(f'\t"{label}" => disabled\n' for label in self._state["disabled"])
        print(f"disabled services = {{\n{services}}}")

    def enable(self, target: str) -> None:
        label = target.rpartition("/")[2]
        self._state["disabled"] = [other for other in self._state["disabled"] if other != label]

    def disable(self, target: str) -> None:
        self._state["disabled"].append(target.rpartition("/")[2])


DESCRIPTION = """{target} = {{
	active count = 1
	type = LaunchAgent
	state = running

	environment = {{
		VOICEMODE_X => y
	}}

	minimum runtime = 2
	exit timeout = 12
	runs = 1
	pid = {pid}
	immediate reason = speculative
	last exit code = (never exited)

	resource coalition = {{
		ID = 652
		type = resource
		state = active
		active count = 1
	}}
}}"""


def main(folder: Path, *arguments: str) -> int:
    with (folder / "calls").open("a") as calls:
        calls.write(" ".join(arguments) + "\n")
    return Launchctl(folder).call(*arguments)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
