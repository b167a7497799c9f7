"""Download of weights from any available source into the models directory, verified against the official bytes.

Everything here except `fetch` blocks; call it in a thread. A killed process leaves nothing that counts as complete, and
two processes that need the same model fetch it once.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from voicemode.config import Settings
from voicemode.errors import NO_REMEDY, Remedy, WeightsError
from voicemode.models.download import is_full, reason
from voicemode.models.manifests import MODELS, WHISPER, Model
from voicemode.models.sources import File, Job, LocalFolder, Sources, WeightsSource
from voicemode.models.store import Store
from voicemode.progress import Progress, Report, nobody, size_text
from voicemode.tasks import reporting_in_thread

ONLINE = Sources()

LOCK_SECONDS = 0.5
"""Interval between attempts to lock a model, and between reports on the process that holds the lock."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """State of a model on this disk."""

    model: str
    title: str
    licence: str
    folder: Path
    size_bytes: int
    """Size of all its files together, present or not."""
    missing: tuple[str, ...]
    """Names of the files that are absent or differ from the official ones."""
    incoming_bytes: int
    """Bytes of an interrupted download, which resumes from there."""
    sources: tuple[str, ...]
    """Sources of the files; empty if they were put there by hand."""

    @property
    def present(self) -> bool:
        return not self.missing


def sources_from(settings: Settings) -> Sources:
    """Return the sources that the settings allow."""
    return Sources(
        offline=settings.offline or settings.local_only,
        offline_setting="VOICEMODE_OFFLINE" if settings.offline else "VOICEMODE_LOCAL_ONLY",
        hub=settings.hf_endpoint or ONLINE.hub,
    )


def find(name: str) -> Model:
    """Return the model `name`: whisper-small, or small as in the settings. Raises WeightsError with the valid names."""
    model = MODELS.get(name) or MODELS.get(WHISPER + name)
    if model is None:
        known = ", ".join(model.short_name for model in MODELS.values())
        raise WeightsError(f"No model is called {name!r}.", hint=f"There are: {known}.")
    return model


def status(name: str, models_dir: Path) -> ModelStatus:
    """Return the state of the model `name` on this disk. Nothing is fetched."""
    model = find(name)
    store = Store(models_dir / model.name)
    return ModelStatus(
        model=model.name,
        title=model.title,
        licence=model.licence,
        folder=store.folder,
        size_bytes=model.size_bytes,
        missing=tuple(file.name for file in store.missing(model.files)),
        incoming_bytes=store.incoming_bytes(),
        sources=tuple(store.sources()),
    )


async def fetch(model: str | Model, models_dir: Path, policy: Sources, report: Report) -> Path:
    """`ensure` without blocking. Cancellation ends it soon; the bytes already received are not fetched again.

    Raises:
        WeightsError: As `ensure` does.
    """
    return await reporting_in_thread(partial(ensure, model, models_dir, policy), report)


def ensure(model: str | Model, models_dir: Path, policy: Sources = ONLINE, report: Report = nobody) -> Path:
    """Return the folder with the verified files of `model`, fetching missing ones.

    Raises:
        WeightsError: No source has the files (the message lists attempts and remedies), or they cannot be stored.
    """
    wanted = find(model) if isinstance(model, str) else model
    store = Store(models_dir / wanted.name)
    if not store.missing(wanted.files):
        return store.folder
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        with _alone(wanted, models_dir, report):
            _fill(wanted, Store(store.folder), policy, report)
    except OSError as error:
        raise WeightsError(
            f"Weights cannot be kept in {store.folder}: {reason(error)}.",
            hint="Free some space there, or name another folder in VOICEMODE_MODELS_DIR.",
        ) from error
    return store.folder


def remove(model: str | Model, models_dir: Path) -> int:
    """Delete a model from this disk; return the bytes freed. Raises WeightsError."""
    wanted = find(model) if isinstance(model, str) else model
    store = Store(models_dir / wanted.name)
    if not store.folder.is_dir():
        return 0
    try:
        with FileLock(_lock(wanted, models_dir), timeout=0):
            return store.remove(wanted.files)
    except Timeout as error:
        raise WeightsError(f"{wanted.short_name} is being fetched right now.", hint="Try again when that has ended.") from error
    except OSError as error:
        raise WeightsError(f"{store.folder} cannot be removed: {reason(error)}.") from error


def _lock(model: Model, models_dir: Path) -> Path:
    return models_dir / f".{model.name}.lock"


@contextmanager
def _alone(model: Model, models_dir: Path, report: Report) -> Iterator[None]:
    """Hold the lock of `model`; until it is free, report the progress of the process that holds it."""
    lock = FileLock(_lock(model, models_dir))
    store = Store(models_dir / model.name)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            what = f"{model.name} by another process"
            report(Progress("downloading", what, done=store.incoming_bytes(), total=model.size_bytes))
    try:
        yield
    finally:
        lock.release()


def _fill(model: Model, store: Store, policy: Sources, report: Report) -> None:
    _need_room(store, model)
    failures = [f"{store.folder}: {name} there is not the official file" for name in store.wrong(model.files)]
    sources: list[WeightsSource] = [*map(LocalFolder, policy.directories), *model.sources]
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
    shutil.rmtree(store.incoming, ignore_errors=True)


def _need_room(store: Store, model: Model) -> None:
    """Raise WeightsError now, rather than after an hour, if the disk has too little space."""
    needed = sum(file.size_bytes for file in store.missing(model.files)) - store.incoming_bytes()
    free = shutil.disk_usage(store.folder).free
    if free < needed:
        raise WeightsError(
            f"{model.title} needs {size_text(needed)} in {store.folder}, and {size_text(free)} are free there.",
            hint="Free some space, or name another folder in VOICEMODE_MODELS_DIR.",
        )


def _job(model: Model, source: WeightsSource, store: Store, policy: Sources, report: Report) -> Job:
    scratch = store.incoming / type(source).__name__.lower()
    return Job(model.name, source.label(policy), policy, scratch, report)


def _fetch(source: WeightsSource, files: list[File], store: Store, job: Job) -> None:
    if source.network and job.policy.offline:
        raise WeightsError(f"not asked, {job.policy.offline_setting} is on")
    job.scratch.mkdir(parents=True, exist_ok=True)
    job.expect(sum(file.size_bytes for file in files))
    try:
        for file, path in source.fetch(files, job):
            store.accept(file, path, job.source)
    except OSError as error:
        if is_full(error):
            # A partial model on a full disk is useless.
            store.give_up()
        raise
    finally:
        store.save()


def _nothing_left(model: Model, folder: Path, failures: list[str], policy: Sources) -> WeightsError:
    remedies = [source.remedy for source in model.sources if source.remedy and not (source.network and policy.offline)]
    if policy.offline:
        remedies.insert(0, Remedy("Allow the network", f"voicemode config set {policy.offline_setting} false"))
    by_hand = f"Put the files into {folder} (VOICEMODE_MODELS_DIR is the folder above it)."
    texts = [*(remedy.text for remedy in remedies if not remedy.command), by_hand]
    best = next((remedy for remedy in remedies if remedy.command), NO_REMEDY)
    return WeightsError(
        f"The weights of {model.title} ({size_text(model.size_bytes)}) cannot be had. Tried: {'; '.join(failures)}.",
        hint=Remedy(" Or: ".join([*texts, *filter(None, [best.text])]), best.command),
    )
