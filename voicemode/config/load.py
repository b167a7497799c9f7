"""Settings loaded from their layers: environment > project file > user file > defaults."""

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
"""Unknown names reported for one file; a hostile file may have thousands."""

Kind = Literal["environment", "project", "user", "default"]
Mark = tuple[int, int, int] | None
"""Modification time, size and inode of a file; None where there is none."""


@dataclass(frozen=True, slots=True)
class SettingSource:
    """Source of a value."""

    kind: Kind
    path: Path | None = None
    line: int = 0

    def __str__(self) -> str:
        return f"{printable(self.path)}:{self.line}" if self.path else self.kind


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of settings."""

    kind: Kind
    folder: Path
    """Folder at which relative paths start."""
    entries: Mapping[str, ConfigLine] = field(repr=False)
    path: Path | None = None

    def where(self, line: int) -> str:
        return f"{printable(self.path)}, line {line}," if self.path else "the environment"


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings as they were at one moment, with their sources."""

    settings: Settings
    sources: Mapping[str, SettingSource]
    """Source of each value by field name; every field is in it."""
    notices: tuple[str, ...]
    """Notes for the person about problems that stop nothing."""
    stamp: tuple[tuple[Path, Mark], ...] = field(repr=False)
    """Every file that was read or missed, for `changed`."""
    error: ConfigError | None = None
    """All errors as one; `settings` then holds only the valid values, and should be used only to mend the others."""

    def overruled(self, name: str) -> str:
        """Explain in a sentence why the user file does not decide the field `name`; empty if it does."""
        source = self.sources[name]
        if source.kind not in ("environment", "project"):
            return ""
        place = source if source.path else "the environment"
        return f"It has no effect here: {env_name(find_setting(name))} is also set in {place}, which wins."


def load_settings(environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> LoadedSettings:
    """Read all layers; the arguments default to the environment and working directory of this process.

    Raises ConfigError naming each wrong value with file and line, or a line that is not NAME=VALUE.
    """
    loaded = read_settings(environ, cwd)
    if loaded.error:
        raise loaded.error
    return loaded


def read_settings(environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> LoadedSettings:
    """Read the valid values of all layers, with the errors in `error`. For callers that must run despite errors."""
    environ = os.environ if environ is None else environ
    reading = LayerReader()
    with reading.noting(""):
        reading.user_file = user_file(environ)
    store = reading.user_file.with_name(TRUST_STORE)
    # Taken before the files are read: anything written meanwhile counts as a change.
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
    """Return the user's own file: in $VOICEMODE_BASE_DIR if that is set, else in ~/.voicemode. Raises ConfigError."""
    environ = os.environ if environ is None else environ
    base = environ.get("VOICEMODE_BASE_DIR", "").strip() or "~/.voicemode"
    try:
        return Path(base).expanduser().absolute() / USER_FILE
    except (RuntimeError, OSError) as error:
        raise ConfigError(f"There is no home directory for {base!r}.", hint="Set VOICEMODE_BASE_DIR to a full path.") from error


def trust_store(environ: Mapping[str, str] | None = None) -> Path:
    """Return the path of the record of trusted project files."""
    return user_file(environ).with_name(TRUST_STORE)


def project_file(cwd: Path | None = None) -> EnvFile | None:
    """Return the project file that counts, trusted or not. Raises ConfigError if it cannot be read."""
    return next((file for path in project_candidates(cwd) if (file := read_env_file(path))), None)


def project_candidates(cwd: Path | None = None) -> list[Path]:
    """Return the possible paths of a project file, nearest first; none if the working directory is gone."""
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
    """Reads the layers, and collects their errors and the notices for the person."""

    def __init__(self) -> None:
        self.user_file = Path(os.devnull, USER_FILE)
        self.notices: list[str] = []
        self._errors: list[tuple[str, ConfigError]] = []
        """Errors with the field that each concerns, empty for a whole file."""

    @property
    def error(self) -> ConfigError | None:
        """All errors as one."""
        errors = [error for _, error in self._errors]
        if len(errors) < 2:
            return errors[0] if errors else None
        return ConfigError("\n".join(error.message for error in errors), hint=Remedy("Mend them", "voicemode config edit"))

    @contextmanager
    def noting(self, name: str) -> Iterator[None]:
        """Record a ConfigError about the field `name`, or about a whole file if empty, and go on."""
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
        """Return the project file, without the settings that need trust if it has none. Errors then stop nothing."""
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
        """Return the values of `layers`, the first of which wins. Every layer must be valid, even where another one wins."""
        values: dict[str, Any] = {"base_dir": self.user_file.parent}
        sources = {item.name: SettingSource("default") for item in fields(Settings)}
        for layer in reversed(layers):
            for item, entry in _settings_in(layer):
                with self.noting(item.name):
                    values[item.name] = _value(item, entry, layer)
                    sources[item.name] = SettingSource(layer.kind, layer.path, entry.line)
        if {"", "local_only"} & {name for name, _ in self._errors}:
            # Text that cannot be read may have turned it on.
            values["local_only"] = True
        return Settings(**values), sources

    def _without_trust(self, file: EnvFile, *, changed: bool) -> Layer:
        """Return the settings of `file` that need no trust and are valid."""
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
    """Return the value of `entry`. Raises ConfigError."""
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
