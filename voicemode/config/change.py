"""Changes to the user's settings file: setting or removing a value, and creating the file from a template."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from voicemode.config.files import exclusive, quote, rewrite, write_atomically
from voicemode.config.load import user_file
from voicemode.config.settings import Settings, env_name, find_setting
from voicemode.config.values import allowed, is_path, parse, render, shown
from voicemode.errors import ConfigError, Remedy

HEADER = """\
# Settings of VoiceMode. To change one, remove the # before it; it takes effect on the next turn.
# Where each value comes from: voicemode config
"""


def set_value(name: str, value: str, *, path: Path | None = None) -> Path:
    """Write a setting to the user file, or the one at `path`; return the file. Raises ConfigError if it is not allowed.

    `name` may be tts_speed or VOICEMODE_TTS_SPEED. A relative path starts at the working directory.
    """
    item, path, value = find_setting(name), path or user_file(), value.strip()
    if not value:
        raise ConfigError(
            "An empty value is no value.", hint=Remedy("To remove it", f"voicemode config unset {env_name(item)}")
        )
    parsed = checked_value(name, value)
    rewrite(path, env_name(item), str(parsed) if is_path(item) and not value.startswith("~") else value)
    return path


def checked_value(name: str, value: str) -> Any:
    """Return the text `value` parsed as the setting `name`. Raises ConfigError if it is not allowed."""
    item = find_setting(name)
    try:
        quote(value)
        return parse(item, value, Path.cwd())
    except ValueError as error:
        raise ConfigError(f"{env_name(item)} cannot be {shown(item, value)}; it must be {error}.") from None


def unset_value(name: str, *, path: Path | None = None) -> bool:
    """Remove a setting from the user file, or the one at `path`; False if it was not there. Raises ConfigError."""
    return rewrite(path or user_file(), env_name(find_setting(name)), None)


def create_user_file(path: Path) -> None:
    """Write a file that names every setting, unless there is one at `path` already. Raises ConfigError."""
    with exclusive(path):
        if not path.exists():
            write_atomically(path, template().encode())


def template() -> str:
    """Return a settings file that sets nothing: each setting commented out, with its default and its description."""
    parts = [HEADER]
    for item in fields(Settings):
        choice = allowed(item)
        value = render(item.default)
        parts.append(
            f"# {item.metadata['doc']}{f' ({choice})' if choice else ''}\n# {env_name(item)}={value and quote(value)}\n"
        )
    return "\n".join(parts)
