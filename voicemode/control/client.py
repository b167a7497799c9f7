"""The side of the command line: asks every running program at once. Blocks; each wait has a bound."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from voicemode.control.doors import Way, doors, knock
from voicemode.control.messages import MAX_ANSWER_BYTES, ControlReply, ControlRequest, MalformedError, Verb, line, parse_answer

ANSWER_SECONDS = 2.0
"""For all programs together."""


@dataclass(frozen=True, slots=True)
class Told:
    """Result of a request."""

    answers: tuple[ControlReply, ...]
    silent: int
    """Programs that run and did not answer."""

    @property
    def did(self) -> bool:
        """True if anybody had something to do it to."""
        return any(answer.did for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that lasts: push-to-talk is down until this ends."""

    told: Told
    connections: tuple[socket.socket, ...]
    """To those that do it; each ends when its program does."""


def ask(verb: Verb, place: Path) -> Told:
    """Ask all programs that have a door in `place`."""
    with visiting(verb, place) as visit:
        return visit.told


@contextmanager
def visiting(verb: Verb, place: Path) -> Iterator[Visit]:
    """Visit the programs with `verb`, with the connections open until the end of the block."""
    with ExitStack() as stack:
        ways, silent = _ways(place, stack)
        # All hear of it before any is waited for: one that hangs keeps nobody waiting.
        asked = [way for way in ways if _said(way, verb)]
        deadline = time.monotonic() + ANSWER_SECONDS
        heard = [(way.connection, _answer(way.connection, deadline)) for way in asked]
        answers = tuple(answer for _, answer in heard if answer)
        connections = tuple(connection for connection, answer in heard if answer and answer.did)
        yield Visit(Told(answers, silent + len(ways) - len(answers)), connections)


def _ways(place: Path, stack: ExitStack) -> tuple[list[Way], int]:
    """Connections that `stack` closes, and how many programs let nobody in."""
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
    """Return a program's answer by `deadline`, a time of the monotonic clock; None if none that makes sense came."""
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
