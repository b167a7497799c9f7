"""Locations of VoiceMode's files on this machine, as data: a folder, and the names in it that are ours."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voicemode.config import Settings, trust_store, user_file
from voicemode.engines.kokoro.cache import SOUND
from voicemode.models.manifests import MODELS, Model
from voicemode.models.store import INCOMING, NOTES
from voicemode.services import NAMES, services
from voicemode.services.install.environment import BUILT
from voicemode.services.install.record import FILE, TRIAL, service_dir
from voicemode.services.service import Service

Kind = Literal["unit", "environment", "model", "cache", "log", "state", "recording", "config"]

BESIDE = r"\.\w{8}"
"""Suffix that `write_atomically` appends to the name of an unfinished file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Our files of one kind in one folder. Anything else in the folder is not ours."""

    kind: Kind
    title: str
    """Description for the person."""
    folder: Path
    root: Path
    """Folder that the person chose: links at or above it are theirs and are followed; links below it are not."""
    names: str
    """Regular expression for the names that are ours: files, or folders with their contents."""
    service: str = ""
    """Service it belongs to; empty for VoiceMode as a whole."""
    sizes: tuple[int, ...] = ()
    """Sizes in bytes of the files that are ours; empty for any size. Files of other sizes are not from us."""
    links: bool = False
    """True if only links are ours."""


def places(settings: Settings) -> Iterator[Location]:
    """Yield every location."""
    for service in services().values():
        yield from places_of(service, settings)
    for model in MODELS.values():
        if not _service_of(model):
            yield from _places_of_model(model, settings)
    base = settings.base_dir.expanduser()
    yield Location(kind="log", title="logs", folder=settings.logs_dir, root=base, names=log_names("voicemode"))
    yield Location(
        kind="recording", title="recordings", folder=settings.recordings_dir, root=base, names=r"(turn|saved)-[\d-]+\.wav"
    )
    yield Location(kind="state", title="state", folder=settings.state_dir, root=base, names="linger")
    home = user_file().parent
    yield Location(
        kind="state",
        title="state",
        folder=home / "state" / "hands",
        root=home,
        names=rf"[0-9a-f]{{8}}\.(sock|wait)|\.?[0-9a-f]{{8}}\.port({BESIDE})?",
    )
    yield Location(kind="model", title="link to the folder of weights", folder=base, root=base, names="models", links=True)
    for path in (user_file(), trust_store()):
        name = re.escape(path.name)
        names = rf"{name}|\.{name}(\.lock|{BESIDE})"
        yield Location(kind="config", title="settings", folder=path.parent, root=path.parent, names=names)


def places_of(service: Service, settings: Settings) -> Iterator[Location]:
    """Yield the locations of one service."""
    base, own, name = settings.base_dir.expanduser(), service_dir(service, settings), service.name
    title = service.title
    yield Location(
        kind="environment",
        title=f"environment of {title}",
        folder=own / "environments",
        root=base,
        names=BUILT.pattern,
        service=name,
    )
    written = rf"{re.escape(FILE)}|keys\.yaml|dev\.voicemode\.{name}\.plist"
    notes = rf"\.?({written})({BESIDE})?|{TRIAL}"
    yield Location(kind="environment", title=f"environment of {title}", folder=own, root=base, names=notes, service=name)
    yield Location(
        kind="cache",
        title=f"cache of {title}",
        folder=settings.cache_dir / name,
        root=base,
        names=rf"([0-9a-f]{{64}}|{BESIDE}){re.escape(SOUND)}|livekit_[\w.]+\.(tar\.gz|zip)|checksums\.txt",
        service=name,
    )
    yield Location(kind="log", title="logs", folder=settings.logs_dir, root=base, names=log_names(name), service=name)
    yield Location(
        kind="state",
        title="state",
        folder=settings.state_dir,
        root=base,
        names=rf"{name}(-install)?\.lock|\.?voicemode-{name}\.yaml({BESIDE})?|\.?{name}-\w+\.(json|pem|html)(\.lock|{BESIDE})?",
        service=name,
    )
    for model in MODELS.values():
        if _service_of(model) == name:
            yield from _places_of_model(model, settings)


def log_names(name: str) -> str:
    """Return the pattern for the names of a log and its rotated predecessors."""
    return rf"{name}\.log(\.\d+)?"


def _service_of(model: Model) -> str:
    """Return the name of the service that needs `model`; empty if VoiceMode itself does."""
    first = model.name.split("-")[0]
    return first if first in NAMES else ""


def _places_of_model(model: Model, settings: Settings) -> Iterator[Location]:
    root, service = settings.models_path, _service_of(model)
    files = "|".join(re.escape(file.name) for file in model.files)
    notes = rf"{re.escape(NOTES)}(\.\d+)?|{re.escape(INCOMING)}"
    title, sizes = f"weights of {model.title}", tuple(file.size_bytes for file in model.files)
    folder = root / model.name
    yield Location(kind="model", title=title, folder=folder, root=root, names=files, service=service, sizes=sizes)
    yield Location(kind="model", title=title, folder=folder, root=root, names=notes, service=service)
    yield Location(
        kind="model", title=title, folder=root, root=root, names=rf"\.{re.escape(model.name)}\.lock", service=service
    )
