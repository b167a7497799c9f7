"""Finding and removing the entries in agents' settings files that start VoiceMode.

Entries are written by people, or by their programs for them. Only those that start VoiceMode are removed; every other
character of the file stays. The file is replaced atomically, after a check that the new text differs in nothing but the
entries, and no backup is left beside it.
"""

import json
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicemode.config.files import write_atomically
from voicemode.errors import ServiceError
from voicemode.services.uninstall.json_members import Keys, without

NAME = "voicemode"
PROGRAM = re.compile(r"(?:.*[/\\])?voicemode(?:\.exe)?(?:\[[\w,-]*\])?(?:[=<>~!@ ].*)?", re.IGNORECASE)
"""A word of a command that names VoiceMode: its path, `voicemode[local]`, `voicemode==1.2`."""
LAUNCHER = re.compile(r"(?:.*[/\\])?(?:uvx?|pipx|py|python[\d.]*|cmd|env)(?:\.exe)?|tool|run|/c|\w+=.*|-.*", re.IGNORECASE)
"""Words before the program to run: its launcher, and options without a value."""
NAMING = ("--from", "--spec", "-m")
VALUED = ("--python", "-p", "--with", "--directory", "--project", "--index", "--index-url", "--extra-index-url", "--env-file")
"""Options of launchers that take a value."""

LARGEST_BYTES = 64_000_000
SERVERS = "mcpServers"


@dataclass(frozen=True, slots=True)
class Client:
    """A program that starts MCP servers."""

    title: str
    path: Path
    """Its settings file."""
    projects: bool = False
    """True if the file also holds servers for single projects."""


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """An entry that makes a program start VoiceMode."""

    client: Client
    keys: Keys

    def __str__(self) -> str:
        where = f" for {self.keys[1]}" if self.keys[0] == "projects" else ""
        return f"{self.keys[-1]!r}{where} in the servers of {self.client.title}"


def clients(home: Path, platform: str = sys.platform) -> tuple[Client, ...]:
    """Return the programs we support, with their settings files on this system."""
    folder = {"darwin": "Library/Application Support", "win32": "AppData/Roaming"}.get(platform, ".config")
    return (
        Client("Claude Desktop", home / folder / "Claude" / "claude_desktop_config.json"),
        Client("Claude Code", home / ".claude.json", projects=True),
        Client("Cursor", home / ".cursor" / "mcp.json"),
    )


def entries(client: Client) -> list[ClientConfig]:
    """Return the entries of `client` that start VoiceMode; empty if its file is missing or unreadable. Blocks."""
    try:
        return [ClientConfig(client, keys) for keys in find_entries(json.loads(_read(client.path)), projects=client.projects)]
    except (OSError, ValueError, RecursionError):
        return []


def find_entries(said: Any, *, projects: bool) -> list[Keys]:
    """Return the keys of the servers in a settings file that are VoiceMode. Pure."""
    each = _object(said, "projects") if projects else {}
    everywhere: list[Keys] = [(SERVERS, name) for name in _servers(said)]
    return everywhere + [("projects", project, SERVERS, name) for project in each for name in _servers(each[project])]


def starts_voicemode(name: str, server: Any) -> bool:
    """True if the server called `name` with this description is VoiceMode. Pure."""
    if name == NAME:
        return True
    if not isinstance(server, Mapping):
        return False
    arguments = server.get("args")
    words = [server.get("command"), *(arguments if isinstance(arguments, list) else [])]
    return any(PROGRAM.fullmatch(word) for word in _programs([str(word) for word in words]))


def _programs(words: list[str]) -> Iterator[str]:
    """Yield the program that a command runs, and its package, but not the program's arguments."""
    left = iter(words)
    for word in left:
        if word in NAMING:
            yield next(left, "")
        elif word in VALUED:
            next(left, "")
        elif not LAUNCHER.fullmatch(word):
            yield word
            return


def remove(client: Client, found: list[ClientConfig]) -> None:
    """Remove `found` from the file of `client`. Blocks. Raises ServiceError, leaving the file unchanged."""
    try:
        text = _read(client.path)
        # The file keeps its permissions.
        write_atomically(client.path, _less(text, found).encode(), stat.S_IMODE(client.path.stat().st_mode))
    except (OSError, ValueError, KeyError) as error:
        raise ServiceError(
            f"{client.path} cannot be changed: {error}.", hint=f"Remove voicemode there by hand; {client.title} reads it."
        ) from error


def _servers(said: Any) -> Iterator[str]:
    servers = _object(said, SERVERS)
    return (name for name, server in servers.items() if starts_voicemode(name, server))


def _object(said: Any, key: str) -> Mapping[str, Any]:
    inner = said.get(key) if isinstance(said, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def _less(text: str, found: list[ClientConfig]) -> str:
    """Return `text` without `found`. Raises ValueError if anything else would change."""
    left, wanted = without(text, [entry.keys for entry in found]), json.loads(text)
    for entry in found:
        servers = wanted
        for key in entry.keys[:-1]:
            servers = servers[key]
        del servers[entry.keys[-1]]
    if json.loads(left) != wanted:
        raise ValueError("it has some names twice")
    return left


def _read(path: Path) -> str:
    if path.stat().st_size > LARGEST_BYTES or not path.is_file():
        raise ValueError("it is no settings file")
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()
