"""Weights: from whichever source is at hand, checked against the official bytes, into the models directory.

Everything here blocks; call it in a thread. A process that is killed leaves nothing that counts as complete, and
two processes that want the same model fetch it once.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from voicemode.config import Settings
from voicemode.errors import WeightsError
from voicemode.services._download import reason
from voicemode.services._manifests import MODELS, Model
from voicemode.services._sources import Directory, File, Job, Progress, Source, Sources
from voicemode.services._store import Store

Report = Callable[[Progress], None]

ONLINE = Sources()

INCOMING = ".incoming"
"""Where files wait until they are complete and checked."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is on this disk of a model."""

    model: str
    title: str
    licence: str
    folder: Path
    size_bytes: int
    """All of its files together, here or not."""
    missing: tuple[str, ...]
    """Names of the files that are absent or not the official ones."""
    sources: tuple[str, ...]
    """Where the files came from; empty if they were put there by hand."""

    @property
    def present(self) -> bool:
        return not self.missing


def sources_from(settings: Settings) -> Sources:
    """What the settings allow to be asked for weights."""
    return Sources(offline=settings.offline, hub=settings.hf_endpoint or ONLINE.hub)


def find(name: str) -> Model:
    """The model called `name`; WeightsError with the valid names if there is none."""
    if name not in MODELS:
        raise WeightsError(f"No model is called {name!r}.", hint=f"There are: {', '.join(MODELS)}.")
    return MODELS[name]


def status(name: str, models_dir: Path) -> Status:
    """What is on this disk of the model `name`. Nothing is fetched."""
    model = find(name)
    store = Store(models_dir / model.name)
    missing = tuple(file.name for file in store.missing(model.files))
    sources = tuple(store.sources())
    return Status(model.name, model.title, model.licence, store.folder, model.size_bytes, missing, sources)


def ensure(model: str | Model, models_dir: Path, policy: Sources = ONLINE, progress: Report = lambda _: None) -> Path:
    """The folder that holds the verified files of `model`, fetched if need be.

    Raises:
        WeightsError: No source has the files; it lists what was tried, and what would help.
    """
    wanted = find(model) if isinstance(model, str) else model
    folder = models_dir / wanted.name
    if not Store(folder).missing(wanted.files):
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(models_dir / f".{wanted.name}.lock"):
            _fill(wanted, Store(folder), policy, progress)
    except OSError as error:
        raise WeightsError(
            f"Weights cannot be kept in {folder}: {reason(error)}.",
            hint="Free some space there, or name another folder in VOICEMODE_MODELS_DIR.",
        ) from error
    return folder


def _fill(model: Model, store: Store, policy: Sources, report: Report) -> None:
    failures = [f"{store.folder}: {name} there is not the official file" for name in store.wrong(model.files)]
    sources: list[Source] = [*map(Directory, policy.directories), *model.sources]
    for source in sources:
        missing = store.missing(model.files)
        if not missing:
            break
        try:
            _fetch(source, missing, store, _job(model, source, store, policy, report))
        except WeightsError as error:
            failures.append(f"{source.label(policy)}: {error.message}")
    if store.missing(model.files):
        raise _nothing_left(model, store.folder, failures, policy)
    shutil.rmtree(store.folder / INCOMING, ignore_errors=True)


def _job(model: Model, source: Source, store: Store, policy: Sources, report: Report) -> Job:
    scratch = store.folder / INCOMING / type(source).__name__.lower()
    return Job(model.name, source.label(policy), policy, scratch, report)


def _fetch(source: Source, files: list[File], store: Store, job: Job) -> None:
    if source.network and job.policy.offline:
        raise WeightsError("not asked, VOICEMODE_OFFLINE is on")
    job.scratch.mkdir(parents=True, exist_ok=True)
    job.total_bytes = sum(file.size_bytes for file in files)
    try:
        for file, path in source.fetch(files, job):
            store.accept(file, path, job.source)
    finally:
        store.save()


def _nothing_left(model: Model, folder: Path, failures: list[str], policy: Sources) -> WeightsError:
    remedies = [source.remedy for source in model.sources if source.remedy and not (source.network and policy.offline)]
    if policy.offline:
        remedies.append("Or allow the network: VOICEMODE_OFFLINE=false.")
    remedies.append(f"Or put the files into {folder} (VOICEMODE_MODELS_DIR is the folder above it).")
    return WeightsError(
        f"The weights of {model.title} ({model.size_bytes / 1e6:.0f} MB) cannot be had. Tried: {'; '.join(failures)}.",
        hint=" ".join(remedies).removeprefix("Or ").strip(),
    )
