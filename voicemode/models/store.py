"""The files of one model on this disk, and their verification against the official bytes.

Hashes are stored beside the files with size and modification time, so that a second start does not hash 150 MB; a file
that has changed since is hashed again.
"""

import contextlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicemode.errors import WeightsError
from voicemode.models.sources import File, sha256

NOTES = ".verified.json"

INCOMING = ".incoming"
"""Folder of files that are not yet complete and verified."""


@dataclass(frozen=True, slots=True)
class Note:
    """Hash of a file, with its size and modification time when it was hashed."""

    size_bytes: int
    mtime_ns: int
    sha256: str
    source: str = ""
    """Source of the file; empty if it was already present."""


class Store:
    """The folder of one model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.incoming = folder / INCOMING
        self._notes = _load_notes(folder / NOTES)

    def missing(self, files: tuple[File, ...]) -> list[File]:
        """Return those of `files` that are absent or not the official bytes."""
        before = dict(self._notes)
        absent = [file for file in files if not self._holds(file)]
        if self._notes != before:
            self.save()
        return absent

    def wrong(self, files: tuple[File, ...]) -> list[str]:
        """Return the names of those of `files` that are present, but not the official bytes."""
        return [file.name for file in self.missing(files) if (self.folder / file.name).exists()]

    def accept(self, file: File, candidate: Path, source: str) -> None:
        """Move `candidate` into the folder if it is `file`; otherwise delete it and raise WeightsError."""
        digest = sha256(candidate)
        if digest != file.sha256:
            candidate.unlink()
            raise WeightsError(f"its {file.name} is not the official file (SHA-256 {digest[:12]}…, not {file.sha256[:12]}…)")
        with candidate.open("rb+") as content:
            os.fsync(content.fileno())
        candidate.replace(self.folder / file.name)
        self._remember(file, digest, source)

    def save(self) -> None:
        """Save the hashes. The files of a read-only folder are hashed at every start instead."""
        temporary = self.folder / f"{NOTES}.{os.getpid()}"
        notes = {name: [note.size_bytes, note.mtime_ns, note.sha256, note.source] for name, note in self._notes.items()}
        with contextlib.suppress(OSError):
            try:
                temporary.write_text(json.dumps(notes, indent=1))
                temporary.replace(self.folder / NOTES)
            finally:
                temporary.unlink(missing_ok=True)

    def incoming_bytes(self) -> int:
        """Return the size of unfinished downloads in bytes."""
        return sum(_own_bytes(path) for path in self.incoming.rglob("*")) if not self.incoming.is_symlink() else 0

    def give_up(self) -> None:
        """Delete unfinished downloads, and the folder if it is then empty."""
        if self.incoming.is_symlink():
            self.incoming.unlink()
        shutil.rmtree(self.incoming, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def remove(self, files: tuple[File, ...]) -> int:
        """Delete `files`, hashes and unfinished downloads; return the bytes freed. Any other file stays.

        For a link, only the link is deleted, never its target.
        """
        if self.folder.is_symlink():
            self.folder.unlink()
            return 0
        freed = self.incoming_bytes()
        for path in [self.folder / file.name for file in files]:
            freed += _own_bytes(path)
            path.unlink(missing_ok=True)
        (self.folder / NOTES).unlink(missing_ok=True)
        self.give_up()
        return freed

    def sources(self) -> list[str]:
        """Return the sources of the files, each once."""
        return sorted({note.source for note in self._notes.values() if note.source})

    def _holds(self, file: File) -> bool:
        path = self.folder / file.name
        if not path.is_file() or path.stat().st_size != file.size_bytes:
            return False
        note = self._notes.get(file.name)
        if note is None or (note.size_bytes, note.mtime_ns) != _stamp(path):
            note = self._remember(file, sha256(path), "")
        return note.sha256 == file.sha256

    def _remember(self, file: File, digest: str, source: str) -> Note:
        note = Note(*_stamp(self.folder / file.name), digest, source)
        self._notes[file.name] = note
        return note


def _own_bytes(path: Path) -> int:
    """Return the bytes freed by deleting `path`: 0 for a link."""
    return path.stat().st_size if path.is_file() and not path.is_symlink() else 0


def _stamp(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def _load_notes(path: Path) -> dict[str, Note]:
    try:
        notes: dict[str, list[Any]] = json.loads(path.read_text())
        return {name: Note(*values) for name, values in notes.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        # The notes only save time: without them the files are hashed again.
        return {}
