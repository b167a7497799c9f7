"""Files of `NAME=VALUE` lines: reading with line numbers, and rewriting without losing anything."""

import io
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from voicemode.config.values import printable
from voicemode.errors import ConfigError

MAX_BYTES = 256 * 1024
PLAIN = re.compile(r"[\w@%+:,./=~-]+", re.ASCII)
UNWRITABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
ASSIGNMENT = re.compile(
    r"""(?P<start>\s*(?:export[^\S\r\n]+)?[^=\s]+[^\S\r\n]*=)[^\S\r\n]*
        (?:'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | [^\r\n]*?)
        (?P<end>(?:[^\S\r\n]+\#[^\r\n]*)?[^\S\r\n]*(?:\r\n|\n|\r|$))""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class ConfigLine:
    text: str = field(repr=False)
    line: int = 0
    """Line number from 1; 0 if there is no file."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One assignment, comment or gap of a file, with every character of it."""

    name: str | None
    """None for a comment, a gap or an invalid line."""
    value: str | None
    line: int
    original: str
    wrong: bool
    """True if the text is neither an assignment nor a comment."""


@dataclass(frozen=True, slots=True)
class EnvFile:
    """A settings file as it was read, so that all its users see the same bytes."""

    path: Path
    content: bytes = field(repr=False)
    entries: Mapping[str, ConfigLine] = field(repr=False)
    """Text and line by name in the file; the last assignment of a name counts."""
    error: ConfigError | None = None
    """Error that names the first line other than NAME=VALUE; the others are read all the same."""


def read_env_file(path: Path) -> EnvFile | None:
    """Return the file at `path`, None if there is none. Raises ConfigError if it cannot be read as text."""
    # Devices and pipes are not opened: a hostile one could be endless.
    if not path.is_file():
        return None
    content = _read(path)
    bindings = list(parse_bindings(_decode(path, content)))
    entries = {one.name: ConfigLine(one.value, one.line) for one in bindings if one.name and one.value is not None}
    wrong = next((_not_an_assignment(path, one.line) for one in bindings if one.wrong), None)
    return EnvFile(path, content, entries, wrong)


def parse_bindings(text: str) -> Iterator[Binding]:
    """Parse `text` into its bindings."""
    from dotenv.parser import parse_stream

    for binding in parse_stream(io.StringIO(text)):
        original = binding.original.string
        gap = original[: len(original) - len(original.lstrip())]
        line = binding.original.line + len(re.findall(r"\r\n|\n|\r", gap))
        wrong = binding.error or (binding.key is not None and binding.value is None)
        yield Binding(None if binding.error else binding.key, binding.value, line, original, wrong)


def rewrite(path: Path, name: str, value: str | None) -> bool:
    """Assign `value` to `name` in the file at `path`, or remove it; False if there was nothing to remove.

    Every other character stays as it is. The file is replaced in one step and readable by its owner only; a
    link is followed, not replaced. Raises ConfigError.
    """
    with exclusive(path):
        text = _decode(path, _read(path)) if path.is_file() else ""
        bindings = list(parse_bindings(text))
        places = [number for number, binding in enumerate(bindings) if binding.name == name]
        if value is None and not places:
            return False
        parts = [binding.original for binding in bindings]
        for place in places:
            parts[place] = _without(parts[place])
        if value is not None:
            _assign(parts, bindings[places[-1]].original if places else None, places, name, quote(value))
        write_atomically(path, "".join(parts).encode())
    return True


def quote(value: str) -> str:
    """Return `value` as python-dotenv reads it back. Raises ValueError for line breaks and other control characters."""
    if UNWRITABLE.search(value):
        raise ValueError("one line of text without control characters")
    if PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace the file at `path` or behind its link. A crash leaves the old or the new bytes, never a mixture."""
    import tempfile

    target = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def private_folder(path: Path) -> None:
    """Make the folder at `path` accessible to its owner only, even if it already exists. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Lock the file at `path` against other VoiceMode processes; make its directory. Raises ConfigError."""
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=10, mode=0o600):
            yield
    except Timeout:
        raise ConfigError(f"{printable(path)} is being changed by another process.", hint="Try again.") from None
    except OSError as error:
        raise ConfigError(f"{printable(path)} cannot be written: {error.strerror or error}.") from error


def _assign(parts: list[str], old: str | None, places: list[int], name: str, value: str) -> None:
    if old is not None:
        match = ASSIGNMENT.fullmatch(old)
        parts[places[-1]] = f"{match['start']}{value}{match['end']}" if match else f"{name}={value}\n"
        return
    newline = "\r\n" if any("\r\n" in part for part in parts) else "\n"
    if parts and not parts[-1].endswith(("\n", "\r")):
        parts.append(newline)
    parts.append(f"{name}={value}{newline}")


def _without(original: str) -> str:
    """Return the blank lines before an assignment, which stay when it is removed."""
    return original[: len(original) - len(original.lstrip())]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{printable(path)} cannot be read: {error.strerror or error}.") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{printable(path)} is larger than {MAX_BYTES // 1024} KiB; it cannot be a settings file.")
    return content


def _decode(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{printable(path)}, line {line}: this is not UTF-8 text.") from None


def _not_an_assignment(path: Path, line: int) -> ConfigError:
    # The line itself is not shown: it may hold a key.
    return ConfigError(f"{printable(path)}, line {line}: this is not NAME=VALUE.", hint="Comments start with #.")
