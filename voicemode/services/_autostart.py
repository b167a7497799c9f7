"""What starts our watchmen with the person's session, where the system offers that."""

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from voicemode.services.supervisors.supervisor import Unit
from voicemode.services.supervisors.unit_files import forget, place


@dataclass(frozen=True, slots=True)
class Autostart:
    """A folder of which each file is a program to be started."""

    folder: Path
    suffix: str
    render: Callable[[Unit, Sequence[str]], str]
    """The file that starts a unit's watchman by a command."""
    caveat: str
    """What the person should know; `{name}` is the service."""

    def files(self, unit: Unit, command: Sequence[str]) -> dict[Path, str]:
        """What `add` writes. Pure."""
        return {self._path(unit.name): self.render(unit, command)}

    def knows(self, name: str) -> bool:
        return self._path(name).exists()

    def add(self, unit: Unit, command: Sequence[str]) -> str:
        """Have `command` started from now on; returns what the person should know."""
        for path, text in self.files(unit, command).items():
            place(path, text)
        return self.caveat.format(name=unit.name)

    def remove(self, name: str) -> None:
        forget(self._path(name), Path.home())

    def _path(self, name: str) -> Path:
        return self.folder / f"voicemode-{name}{self.suffix}"


def desktop_entry(unit: Unit, command: Sequence[str]) -> str:
    """For desktops by freedesktop.org."""
    return (
        "[Desktop Entry]\nType=Application\n"
        f"Name={unit.title} (VoiceMode)\n"
        f"Exec={' '.join(map(desktop_quoted, command))}\n"
        "Terminal=false\nNoDisplay=true\n"
    )


def desktop_quoted(text: str) -> str:
    """One word of `Exec`. A backslash is escaped twice: once for the word, once for the file."""
    word = re.sub(r'(["`$\\])', r"\\\1", text).replace("%", "%%")
    return '"' + word.replace("\\", "\\\\") + '"'


def batch_file(_unit: Unit, command: Sequence[str]) -> str:
    """For Windows. pythonw has no window."""
    program, *arguments = command
    silent = re.sub(r"python(\.exe)?$", r"pythonw\1", program)
    line = subprocess.list2cmdline([silent, *arguments]).replace("%", "%%")
    return f'@start "" /b {line}\n'


def autostart(home: Path, system: str = sys.platform) -> Autostart:
    """What there is on this system."""
    if system == "win32":
        folder = home / "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup"
        return Autostart(folder, ".cmd", batch_file, "It starts when you log in, and ends when you log out.")
    caveat = (
        "It starts with your desktop session. Where there is none, as in a container, have something run: "
        "voicemode service start {name}"
    )
    return Autostart(home / ".config/autostart", ".desktop", desktop_entry, caveat)
