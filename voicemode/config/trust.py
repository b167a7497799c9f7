"""Project files that the person has trusted, by content: `trusted` beside the user file maps path to SHA-256."""

import hashlib
import json
from pathlib import Path

from voicemode.config.files import EnvFile, exclusive, write_atomically
from voicemode.config.values import printable
from voicemode.errors import ConfigError, Remedy


def is_trusted(store: Path, file: EnvFile) -> bool:
    """True if exactly these bytes at this path are trusted."""
    return _load(store).get(str(file.path)) == _digest(file)


def was_trusted(store: Path, file: EnvFile) -> bool:
    """True if these or other bytes at this path are trusted."""
    return str(file.path) in _load(store)


def trust(store: Path, file: EnvFile) -> None:
    """Trust `file` until its content changes. Raises ConfigError."""
    with exclusive(store):
        _save(store, {**_load(store), str(file.path): _digest(file)})


def revoke_trust(store: Path, path: Path) -> bool:
    """Stop trusting the project file at `path`; False if it was not trusted. Raises ConfigError."""
    with exclusive(store):
        trusted = _load(store)
        if trusted.pop(str(path), None) is None:
            return False
        _save(store, trusted)
    return True


def _digest(file: EnvFile) -> str:
    return hashlib.sha256(file.content).hexdigest()


def _load(store: Path) -> dict[str, str]:
    try:
        trusted = json.loads(store.read_bytes()) if store.is_file() else {}
    except (OSError, ValueError) as error:
        raise _broken(store) from error
    if not isinstance(trusted, dict):
        raise _broken(store)
    return trusted


def _save(store: Path, trusted: dict[str, str]) -> None:
    write_atomically(store, json.dumps(trusted, indent=2, sort_keys=True).encode())


def _broken(store: Path) -> ConfigError:
    return ConfigError(
        f"{printable(store)} cannot be read.",
        hint=Remedy("Delete it; then trust your projects again", "voicemode config trust"),
    )
