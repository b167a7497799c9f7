"""Messages of the control channel: one line of JSON each way. Pure."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

MAX_REQUEST_BYTES = 512
MAX_ANSWER_BYTES = 65_536
"""A reply names a folder, whose path can be long."""


class Verb(StrEnum):
    """Requests to a running program."""

    LOOK = "look"
    STOP = "stop"
    SKIP = "skip"
    SEND = "send"
    MUTE = "mute"
    UNMUTE = "unmute"
    HOLD = "hold"
    """Hold push-to-talk for as long as the connection lasts."""
    PRESS = "press"
    """Hold push-to-talk until RELEASE."""
    RELEASE = "release"


class MalformedError(ValueError):
    """A line that is no valid message."""


@dataclass(frozen=True, slots=True)
class ControlRequest:
    verb: Verb
    token: str = ""
    """Secret, where the kernel does not identify the client."""


@dataclass(frozen=True, slots=True)
class ControlReply:
    did: bool
    """True if there was something to act on."""
    doing: str
    """idle, speaking, listening or transcribing."""
    muted: bool
    held: bool
    """True while push-to-talk is held."""
    folder: str
    """Working directory of the program: the project of its agent."""
    pid: int


def line(message: ControlRequest | ControlReply) -> bytes:
    return json.dumps(asdict(message)).encode() + b"\n"


def parse_request(text: bytes) -> ControlRequest:
    """Parse a request. Raises MalformedError."""
    members = _members(text)
    try:
        return ControlRequest(Verb(members.get("verb", "")), str(members.get("token", "")))
    except ValueError as error:
        raise MalformedError("no such verb") from error


def parse_answer(text: bytes) -> ControlReply:
    """Parse a reply, ignoring unknown members, which a newer program sends. Raises MalformedError."""
    members = _members(text)
    try:
        given = {name: kind(members[name]) for name, kind in ControlReply.__annotations__.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedError("not an answer") from error
    return ControlReply(**given)


def _members(text: bytes) -> dict[str, Any]:
    try:
        members = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedError("not JSON") from error
    if not isinstance(members, dict):
        raise MalformedError("not an object")
    return members
