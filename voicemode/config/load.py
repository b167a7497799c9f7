"""The layers put together: environment > project file > user file > defaults."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from voicemode.config.files import ConfigLine, EnvFile, read_env_file
from voicemode.config.settings import PREFIX, Settings, did_you_mean, env_name, find_setting, needing_trust
from voicemode.config.values import parse, printable, shown
from voicemode.errors import NO_REMEDY, ConfigError, Remedy

PROJECT_FILE = ".voicemode.env"
USER_FILE = "voicemode.env"
TRUST_STORE = "trusted"
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
    error: ConfigError | None = None
    """All that is wrong in them; then `settings` has what is right, and nothing should be done by it but mending."""

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
    loaded = read_settings(environ, cwd)
    if loaded.error:
        raise loaded.error
    return loaded


def read_settings(environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> LoadedSettings:
    """Read all layers as far as they are right; what is wrong is `error`. Whoever must run whatever is written asks here."""
    environ = os.environ if environ is None else environ
    reading = LayerReader()
    with reading.noting(""):
        reading.user_file = user_file(environ)
    store = reading.user_file.with_name(TRUST_STORE)
    # Taken before the files are read: what is written meanwhile is seen as a change.
    stamp = tuple((path, mark(path)) for path in (reading.user_file, store, *project_candidates(cwd)))
    layers = [Layer("environment", cwd or Path(), {name: ConfigLine(text) for name, text in environ.items()})]
    layers += reading.project_layer(cwd, store)
    layers += reading.user_layer()
    for layer in layers:
        reading.notices += _unknown_names(layer)
    settings, sources = reading.resolve(layers)
    return LoadedSettings(settings, sources, tuple(reading.notices), stamp, reading.error)


def changed(loaded: LoadedSettings) -> bool:
    """True if a settings file has been written, added or removed since; a few stat calls."""
    return any(mark(path) != before for path, before in loaded.stamp)


def user_file(environ: Mapping[str, str] | None = None) -> Path:
    """The user's own file: in $VOICEMODE_BASE_DIR if that is set, else in ~/.voicemode."""
    environ = os.environ if environ is None else environ
    base = environ.get("VOICEMODE_BASE_DIR", "").strip() or "~/.voicemode"
    try:
        return Path(base).expanduser().absolute() / USER_FILE
    except (RuntimeError, OSError) as error:
        raise ConfigError(f"There is no home directory for {base!r}.", hint="Set VOICEMODE_BASE_DIR to a full path.") from error


def trust_store(environ: Mapping[str, str] | None = None) -> Path:
    """Where it is recorded which project files are trusted."""
    return user_file(environ).with_name(TRUST_STORE)


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
    """Raise ConfigError if a value or line in `file` is wrong, trusted or not."""
    reading = LayerReader()
    reading.resolve([reading.layer("project", file)])
    if reading.error:
        raise reading.error


class LayerReader:
    """The layers as they are read: what is wrong in them, and what the person should know."""

    def __init__(self) -> None:
        self.user_file = Path(os.devnull, USER_FILE)
        self.notices: list[str] = []
        self._errors: list[tuple[str, ConfigError]] = []
        """The field each is about, empty for a whole file."""

    @property
    def error(self) -> ConfigError | None:
        """All that is wrong, as one."""
        errors = [error for _, error in self._errors]
        if len(errors) < 2:
            return errors[0] if errors else None
        return ConfigError("\n".join(error.message for error in errors), hint=Remedy("Mend them", "voicemode config edit"))

    @contextmanager
    def noting(self, name: str) -> Iterator[None]:
        """Note a ConfigError about the field `name`, or about a whole file, and go on."""
        try:
            yield
        except ConfigError as error:
            self._errors.append((name, error))

    def user_layer(self) -> list[Layer]:
        file = None
        with self.noting(""):
            file = read_env_file(self.user_file)
        return [self.layer("user", file)] if file else []

    def project_layer(self, cwd: Path | None, store: Path) -> list[Layer]:
        """The project file, less what needs trust that it does not have. What is wrong in one without stops nothing."""
        from voicemode.config.trust import is_trusted, was_trusted

        try:
            file = project_file(cwd)
        except ConfigError as error:
            self.notices.append(f"{error.message} It is ignored.")
            return []
        if file is None:
            return []
        trusted = known = False
        with self.noting(""):
            trusted, known = is_trusted(store, file), was_trusted(store, file)
        return [self.layer("project", file) if trusted else self._without_trust(file, changed=known)]

    def layer(self, kind: Kind, file: EnvFile) -> Layer:
        if file.error:
            self._errors.append(("", file.error))
        return Layer(kind, file.path.parent, file.entries, file.path)

    def resolve(self, layers: list[Layer]) -> tuple[Settings, dict[str, SettingSource]]:
        """The values of `layers`, the first of which wins. Every layer has to be right, also where another one wins."""
        values: dict[str, Any] = {"base_dir": self.user_file.parent}
        sources = {item.name: SettingSource("default") for item in fields(Settings)}
        for layer in reversed(layers):
            for item, entry in _settings_in(layer):
                with self.noting(item.name):
                    values[item.name] = _value(item, entry, layer)
                    sources[item.name] = SettingSource(layer.kind, layer.path, entry.line)
        if {"", "local_only"} & {name for name, _ in self._errors}:
            # What cannot be read may have forbidden it.
            values["local_only"] = True
        return Settings(**values), sources

    def _without_trust(self, file: EnvFile, *, changed: bool) -> Layer:
        """The settings of `file` that need no trust and are right."""
        ignored = {name for item in needing_trust() if (name := env_name(item)) in file.entries}
        if ignored:
            reason = "has changed since it was trusted" if changed else "is not trusted"
            self.notices.append(
                f"{printable(file.path)} {reason}; ignored in it: {', '.join(sorted(ignored))}. "
                "To see and trust it: voicemode config trust"
            )
        wrong = [file.error] if file.error else []
        entries = {name: entry for name, entry in file.entries.items() if name not in ignored}
        layer = Layer("project", file.path.parent, entries, file.path)
        for item, entry in list(_settings_in(layer)):
            try:
                _value(item, entry, layer)
            except ConfigError as error:
                wrong.append(error)
                del entries[env_name(item)]
        self.notices += [f"{error.message} It is ignored." for error in wrong]
        return layer


def _value(item: Field[Any], entry: ConfigLine, layer: Layer) -> Any:
    """Raises ConfigError."""
    try:
        return parse(item, entry.text, layer.folder)
    except ValueError as error:
        name = env_name(item)
        raise ConfigError(
            f"{name} in {layer.where(entry.line)} is {shown(item, entry.text)}; it must be {error}.",
            hint=Remedy("Mend it", f"voicemode config set {name} VALUE") if layer.kind == "user" else NO_REMEDY,
        ) from None


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
