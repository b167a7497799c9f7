"""Client side of the control channel: sends a request to all running programs at once. Blocks; each wait has a timeout."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from voicemode.control.doors import Way, doors, knock
from voicemode.control.messages import MAX_ANSWER_BYTES, ControlReply, ControlRequest, MalformedError, Verb, line, parse_answer

ANSWER_SECONDS = 2.0
"""Timeout for the replies of all programs together."""


@dataclass(frozen=True, slots=True)
class Told:
    """Result of a request."""

    answers: tuple[ControlReply, ...]
    silent: int
    """Running programs that did not reply."""

    @property
    def did(self) -> bool:
        """True if any program had something to act on."""
        return any(answer.did for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that lasts: push-to-talk is held until it ends."""

    told: Told
    connections: tuple[socket.socket, ...]
    """Connections to the programs that acted on the request; each closes when its program ends."""


def ask(verb: Verb, place: Path) -> Told:
    """Send `verb` to all programs that have a door in `place`."""
    with visiting(verb, place) as visit:
        return visit.told


@contextmanager
def visiting(verb: Verb, place: Path) -> Iterator[Visit]:
    """Send `verb` to all programs, and keep the connections open until the end of the block."""
    with ExitStack() as stack:
        ways, silent = _ways(place, stack)
        # All requests are sent before any reply is awaited: a program that hangs delays no other one.
        asked = [way for way in ways if _said(way, verb)]
        deadline = time.monotonic() + ANSWER_SECONDS
        heard = [(way.connection, _answer(way.connection, deadline)) for way in asked]
        answers = tuple(answer for _, answer in heard if answer)
        connections = tuple(connection for connection, answer in heard if answer and answer.did)
        yield Visit(Told(answers, silent + len(ways) - len(answers)), connections)


def _ways(place: Path, stack: ExitStack) -> tuple[list[Way], int]:
    """Return connections, which `stack` closes, and the number of programs that accepted none."""
    ways, silent = [], 0
    for door in doors(place):
        try:
            way = knock(door)
        except OSError:
            silent += 1
            continue
        if way:
            ways.append(way)
            stack.callback(way.connection.close)
    return ways, silent


def _said(way: Way, verb: Verb) -> bool:
    try:
        way.connection.sendall(line(ControlRequest(verb, way.token)))
    except OSError:
        return False
    return True


def _answer(connection: socket.socket, deadline: float) -> ControlReply | None:
    """Return a program's reply by `deadline`, a time of the monotonic clock; None if no valid reply arrives."""
    said = b""
    try:
        while not said.endswith(b"\n"):
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            piece = connection.recv(MAX_ANSWER_BYTES)
            said += piece
            if not piece or len(said) > MAX_ANSWER_BYTES:
                return None
        return parse_answer(said)
    except (OSError, MalformedError):
        return None
