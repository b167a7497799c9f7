"""Doors: local endpoints of running programs. All functions block, but briefly."""

import json
import os
import re
import socket
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from voicemode.config import user_file
from voicemode.config.files import write_atomically
from voicemode.control.peers import peer_uid

CONNECT_SECONDS = 0.25
"""Timeout for connecting: a door on this machine opens at once, or no program is behind it."""
WAITING = 64
"""Listen backlog of a door."""
TOKEN_BYTES = 32
MAX_FILE_BYTES = 1024

NAME = re.compile(r"[0-9a-f]{8}\.(sock|port)")
"""File name of a door: a Unix socket, or a file that describes a loopback port."""

MUTED = "muted"
"""File beside the doors; a program that starts while it exists is muted."""


@dataclass(frozen=True, slots=True)
class Door:
    """The door of this program."""

    listener: socket.socket
    path: Path
    token: str = ""
    """Secret that a client must send; empty where the kernel identifies the client."""

    def admits(self, visitor: socket.socket, token: str) -> bool:
        """True if `visitor`, which sends `token`, acts for the person this program runs for."""
        if not self.token:
            return peer_uid(visitor) == os.geteuid()
        from hmac import compare_digest

        return compare_digest(self.token.encode(), token.encode(errors="replace"))

    def close(self) -> None:
        self.path.unlink(missing_ok=True)
        self.listener.close()


@dataclass(frozen=True, slots=True)
class Way:
    """A client's connection to a running program."""

    connection: socket.socket
    token: str = ""


def folder() -> Path:
    """Return the folder of the doors. Settings files have no influence: they differ between projects. Raises ConfigError."""
    return user_file().parent / "state" / "hands"


def open_door(place: Path) -> Door:
    """Make `place` private and open a door in it. Raises OSError."""
    make_private(place)
    try:
        return socket_door(place)
    except OSError:
        # The path is too long, or the file system has no sockets.
        return port_door(place)


def socket_door(place: Path) -> Door:
    """Open a Unix socket. It is renamed once it listens, so a socket that refuses connections is abandoned."""
    if sys.platform == "win32":
        raise OSError("Python has no Unix sockets here")
    listener, path = socket.socket(socket.AF_UNIX), place / f"{new_name()}.sock"
    # As long as the final name: a path that can be bound can be connected to.
    unfinished = path.with_suffix(".wait")
    try:
        listener.bind(str(unfinished))
        unfinished.chmod(0o600)
        listener.listen(WAITING)
        unfinished.rename(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        listener.close()
        raise
    return Door(listener, path)


def port_door(place: Path) -> Door:
    """Open a loopback port; a client that can read its file has the token."""
    listener, path, token = socket.socket(), place / f"{new_name()}.port", os.urandom(TOKEN_BYTES).hex()
    try:
        if sys.platform == "win32":
            # Otherwise another program can request to share the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(WAITING)
        note = {"port": listener.getsockname()[1], "token": token, "pid": os.getpid()}
        write_atomically(path, json.dumps(note).encode())
    except OSError:
        listener.close()
        raise
    return Door(listener, path, token)


def new_name() -> str:
    """Return a random name. Process ids do not serve: containers that share a home directory have the same ones."""
    return os.urandom(4).hex()


def make_private(place: Path) -> None:
    """Make `place` a folder that only its owner, the current user, can enter. Raises OSError."""
    # Windows honours this mode, too: the folder is for its owner and administrators.
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_ours(place):
        raise PermissionError(f"{place} is a link or belongs to somebody else")
    place.chmod(0o700)


def is_ours(place: Path) -> bool:
    """True if `place` is a folder, not a link to one, and belongs to the current user."""
    try:
        status = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and (sys.platform == "win32" or status.st_uid == os.geteuid())


def is_private(place: Path) -> bool:
    """True if no other user can enter the folder `place`."""
    return sys.platform == "win32" or not stat.S_IMODE(place.lstat().st_mode) & 0o077


def doors(place: Path) -> list[Path]:
    """Return the doors of all running programs; none if other users could have put them there."""
    if not (is_ours(place) and is_private(place)):
        return []
    return sorted(path for path in place.iterdir() if NAME.fullmatch(path.name))


def knock(door: Path) -> Way | None:
    """Return a connection to the program behind `door`. If the program has ended, delete the door and return None.

    Raises OSError if a running program does not accept.
    """
    try:
        return _through_socket(door) if door.suffix == ".sock" else _through_port(door)
    except FileNotFoundError:
        return None
    except ConnectionRefusedError:
        door.unlink(missing_ok=True)
        return None


def keep_muted(place: Path, on: bool) -> None:
    """Let programs start muted if `on`, unmuted otherwise. Raises OSError."""
    make_private(place)
    if on:
        (place / MUTED).touch(mode=0o600)
    else:
        (place / MUTED).unlink(missing_ok=True)


def begins_muted(place: Path) -> bool:
    """True if a program that starts now is muted."""
    return is_ours(place) and is_private(place) and (place / MUTED).exists()


def sweep(place: Path) -> None:
    """Delete the doors of programs that ended without doing so."""
    for door in doors(place):
        with suppress(OSError):
            if way := knock(door):
                way.connection.close()


def _through_socket(door: Path) -> Way:
    if sys.platform == "win32":
        raise FileNotFoundError(door)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(CONNECT_SECONDS)
    try:
        connection.connect(str(door))
    except OSError:
        connection.close()
        raise
    return Way(connection)


def _through_port(door: Path) -> Way:
    from psutil import pid_exists

    with door.open("rb") as file:
        text = file.read(MAX_FILE_BYTES)
    try:
        note = json.loads(text)
        port, token, pid = int(note["port"]), str(note["token"]), int(note["pid"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConnectionRefusedError(f"{door} names no port") from error
    if not pid_exists(pid):
        # Another program can have the port by now.
        raise ConnectionRefusedError(f"{pid} has ended")
    return Way(socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS), token)
