"""The layers put together: environment > project file > user file > defaults."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from voicemode.config.files import ConfigLine, EnvFile, read_env_file
from voicemode.config.settings import PREFIX, Settings, did_you_mean, env_name, find_setting, needing_trust
from voicemode.config.values import parse, printable, shown
from voicemode.errors import ConfigError

PROJECT_FILE = ".voicemode.env"
USER_FILE = "voicemode.env"
MAX_NOTICES = 20
"""Unknown names of one file that are named; a hostile one may have thousands."""

Kind = Literal["environment", "project", "user", "default"]
Mark = tuple[int, int, int] | None
"""Modification time, size and inode of a file; None where there is none."""


@dataclass(frozen=True, slots=True)
class SettingSource:
    """Where a value came from."""

    kind: Kind
    path: Path | None = None
    line: int = 0

    def __str__(self) -> str:
        return f"{printable(self.path)}:{self.line}" if self.path else self.kind


@dataclass(frozen=True, slots=True)
class Layer:
    """One place that settings come from."""

    kind: Kind
    folder: Path
    """Where relative paths start."""
    entries: Mapping[str, ConfigLine] = field(repr=False)
    path: Path | None = None

    def where(self, line: int) -> str:
        return f"{printable(self.path)}, line {line}," if self.path else "the environment"


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings as they were at one moment, and how they came about."""

    settings: Settings
    sources: Mapping[str, SettingSource]
    """Field name to where its value came from; every field is in it."""
    notices: tuple[str, ...]
    """Notes for the person that stop nothing."""
    stamp: tuple[tuple[Path, Mark], ...] = field(repr=False)
    """Every file that was read or missed, for `changed`."""

    def overruled(self, name: str) -> str:
        """Why the user file has no say in the field `name`, in a sentence; empty if it has."""
        source = self.sources[name]
        if source.kind not in ("environment", "project"):
            return ""
        place = source if source.path else "the environment"
        return f"It has no effect here: {env_name(find_setting(name))} is also set in {place}, which wins."


def load_settings(environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> LoadedSettings:
    """Read all layers; the defaults of the arguments are those of this process.

    Raises ConfigError naming each wrong value with file and line, or a line that is not NAME=VALUE.
    """
    environ = os.environ if environ is None else environ
    store = trust_store(environ)
    # Taken before the files are read: what is written meanwhile is seen as a change.
    stamp = tuple((path, mark(path)) for path in (user_file(environ), store, *project_candidates(cwd)))
    project, user = project_file(cwd), read_env_file(user_file(environ))

    layers = [Layer("environment", cwd or Path(), {name: ConfigLine(text) for name, text in environ.items()})]
    notices: list[str] = []
    if project:
        layers.append(_project_layer(project, store, notices))
    if user:
        layers.append(_file_layer("user", user))
    for layer in layers:
        notices += _unknown_names(layer)
    settings, sources = _resolve(layers, base_dir=user_file(environ).parent)
    return LoadedSettings(settings, sources, tuple(notices), stamp)


def changed(loaded: LoadedSettings) -> bool:
    """True if a settings file has been written, added or removed since; a few stat calls."""
    return any(mark(path) != before for path, before in loaded.stamp)


def user_file(environ: Mapping[str, str] | None = None) -> Path:
    """The user's own file: in $VOICEMODE_BASE_DIR if that is set, else in ~/.voicemode."""
    environ = os.environ if environ is None else environ
    base = environ.get("VOICEMODE_BASE_DIR", "").strip() or "~/.voicemode"
    try:
        return Path(base).expanduser().absolute() / USER_FILE
    except RuntimeError as error:
        raise ConfigError(f"There is no home directory for {base!r}.", hint="Set VOICEMODE_BASE_DIR to a full path.") from error


def trust_store(environ: Mapping[str, str] | None = None) -> Path:
    """Where it is recorded which project files are trusted."""
    return user_file(environ).with_name("trusted")


def project_file(cwd: Path | None = None) -> EnvFile | None:
    """The project file that counts, trusted or not. Raises ConfigError if it cannot be read."""
    return next((file for path in project_candidates(cwd) if (file := read_env_file(path))), None)


def project_candidates(cwd: Path | None = None) -> list[Path]:
    """Where a project file may be, nearest first; nowhere if the working directory is gone."""
    try:
        folder = (cwd or Path.cwd()).resolve()
    except OSError:
        return []
    return [parent / PROJECT_FILE for parent in (folder, *folder.parents)]


def mark(path: Path) -> Mark:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def check_file(file: EnvFile) -> None:
    """Raise ConfigError if a value in `file` is wrong, trusted or not."""
    _resolve([_file_layer("project", file)])


def _file_layer(kind: Kind, file: EnvFile) -> Layer:
    return Layer(kind, file.path.parent, file.entries, file.path)


def _project_layer(file: EnvFile, store: Path, notices: list[str]) -> Layer:
    """The project file, less what needs trust that it does not have."""
    from voicemode.config.trust import is_trusted, was_trusted

    if is_trusted(store, file):
        return _file_layer("project", file)
    ignored = {name for item in needing_trust() if (name := env_name(item)) in file.entries}
    if ignored:
        reason = "has changed since it was trusted" if was_trusted(store, file) else "is not trusted"
        notices.append(
            f"{printable(file.path)} {reason}; ignored in it: {', '.join(sorted(ignored))}. "
            "To see and trust it: voicemode config trust"
        )
    harmless = {name: entry for name, entry in file.entries.items() if name not in ignored}
    return Layer("project", file.path.parent, harmless, file.path)


def _resolve(layers: list[Layer], **values: Any) -> tuple[Settings, dict[str, SettingSource]]:
    """The values of `layers`, the first of which wins. Every layer has to be right, also where another one wins."""
    sources = {item.name: SettingSource("default") for item in fields(Settings)}
    problems = []
    for layer in reversed(layers):
        for item, entry in _settings_in(layer):
            try:
                values[item.name] = parse(item, entry.text, layer.folder)
            except ValueError as error:
                text = shown(item, entry.text)
                problems.append(f"{env_name(item)} in {layer.where(entry.line)} is {text}; it must be {error}.")
            sources[item.name] = SettingSource(layer.kind, layer.path, entry.line)
    if problems:
        raise ConfigError("\n".join(problems))
    return Settings(**values), sources


def _settings_in(layer: Layer) -> Iterator[tuple[Field[Any], ConfigLine]]:
    for item in fields(Settings):
        entry = layer.entries.get(env_name(item))
        if entry and entry.text.strip():
            yield item, entry


def _unknown_names(layer: Layer) -> list[str]:
    known = {env_name(item) for item in fields(Settings)}
    unknown = [(name, entry.line) for name, entry in layer.entries.items() if _is_ours(name) and name not in known]
    notices = [
        f"{printable(name[:64])} in {layer.where(line)} is not a setting.{did_you_mean(name[:64])}"
        for name, line in unknown[:MAX_NOTICES]
    ]
    if len(unknown) > MAX_NOTICES:
        notices.append(f"{printable(layer.path or layer.kind)} has {len(unknown) - MAX_NOTICES} more that are no settings.")
    return notices


def _is_ours(name: str) -> bool:
    return name.upper().startswith(PREFIX)
