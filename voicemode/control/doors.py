"""Ways in to a running program. All of it blocks, shortly."""

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
"""A door on this machine opens at once, or nobody is behind it."""
WAITING = 64
"""Visitors that may stand before a door."""
TOKEN_BYTES = 32
MAX_FILE_BYTES = 1024

NAME = re.compile(r"[0-9a-f]{8}\.(sock|port)")
"""Of a door: a Unix socket, or a file with what one needs to know of a loopback port."""

MUTED = "muted"
"""A file beside the doors: whoever opens one is muted."""


@dataclass(frozen=True, slots=True)
class Door:
    """The way in to this program."""

    listener: socket.socket
    path: Path
    token: str = ""
    """Secret a visitor has to know; empty where the kernel tells who comes."""

    def admits(self, visitor: socket.socket, token: str) -> bool:
        """True if `visitor`, who says `token`, is the person this program runs for."""
        if not self.token:
            return peer_uid(visitor) == os.geteuid()
        from hmac import compare_digest

        return compare_digest(self.token.encode(), token.encode(errors="replace"))

    def close(self) -> None:
        self.path.unlink(missing_ok=True)
        self.listener.close()


@dataclass(frozen=True, slots=True)
class Way:
    """A connection to a running program, from outside."""

    connection: socket.socket
    token: str = ""


def folder() -> Path:
    """Where the doors are. Settings files do not matter: they differ from project to project. Raises ConfigError."""
    return user_file().parent / "state" / "hands"


def open_door(place: Path) -> Door:
    """A door of our own in `place`, which is made private first. Raises OSError."""
    make_private(place)
    try:
        return socket_door(place)
    except OSError:
        # Too long a path, or a file system without sockets.
        return port_door(place)


def socket_door(place: Path) -> Door:
    """A Unix socket. It gets its name when it listens: one that refuses is abandoned."""
    if sys.platform == "win32":
        raise OSError("Python has no Unix sockets here")
    listener, path = socket.socket(socket.AF_UNIX), place / f"{new_name()}.sock"
    # No shorter than the name it gets: what can be bound must be found.
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
    """A loopback port; who can read its file knows the token."""
    listener, path, token = socket.socket(), place / f"{new_name()}.port", os.urandom(TOKEN_BYTES).hex()
    try:
        if sys.platform == "win32":
            # Else the port could be shared with somebody who asks for that.
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
    """Not the process id: containers that share a home have the same ones."""
    return os.urandom(4).hex()


def make_private(place: Path) -> None:
    """See to it that `place` is a folder that only we can enter. Raises OSError."""
    # Windows heeds this mode, too: the folder is for its owner and administrators.
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_ours(place):
        raise PermissionError(f"{place} is a link or belongs to somebody else")
    place.chmod(0o700)


def is_ours(place: Path) -> bool:
    """True if `place` is a folder, not a link to one, and belongs to us."""
    try:
        status = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and (sys.platform == "win32" or status.st_uid == os.geteuid())


def is_private(place: Path) -> bool:
    """True if nobody else can enter the folder `place`."""
    return sys.platform == "win32" or not stat.S_IMODE(place.lstat().st_mode) & 0o077


def doors(place: Path) -> list[Path]:
    """Those of all programs that run; none if others could have put them there."""
    if not (is_ours(place) and is_private(place)):
        return []
    return sorted(path for path in place.iterdir() if NAME.fullmatch(path.name))


def knock(door: Path) -> Way | None:
    """A connection to who is behind `door`; None if nobody is any more, and then the door is taken away.

    Raises OSError if somebody is who does not open.
    """
    try:
        return _through_socket(door) if door.suffix == ".sock" else _through_port(door)
    except FileNotFoundError:
        return None
    except ConnectionRefusedError:
        door.unlink(missing_ok=True)
        return None


def keep_muted(place: Path, on: bool) -> None:
    """From now on programs begin muted, or no longer. Raises OSError."""
    make_private(place)
    if on:
        (place / MUTED).touch(mode=0o600)
    else:
        (place / MUTED).unlink(missing_ok=True)


def begins_muted(place: Path) -> bool:
    """True if a program that begins now is muted."""
    return is_ours(place) and is_private(place) and (place / MUTED).exists()


def sweep(place: Path) -> None:
    """Take doors away whose programs ended without doing so."""
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
        # Somebody else may have the port by now.
        raise ConnectionRefusedError(f"{pid} has ended")
    return Way(socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS), token)
