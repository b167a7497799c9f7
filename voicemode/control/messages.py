"""Messages of the control channel: one line of JSON each way. Pure."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

MAX_REQUEST_BYTES = 512
MAX_ANSWER_BYTES = 65_536
"""It names a folder, which may be long."""


class Verb(StrEnum):
    """Requests that a running program takes."""

    LOOK = "look"
    STOP = "stop"
    SKIP = "skip"
    SEND = "send"
    MUTE = "mute"
    UNMUTE = "unmute"
    HOLD = "hold"
    """Push-to-talk is down for as long as the connection lasts."""
    PRESS = "press"
    """Push-to-talk is down until RELEASE."""
    RELEASE = "release"


class MalformedError(ValueError):
    """A line that means nothing here."""


@dataclass(frozen=True, slots=True)
class ControlRequest:
    verb: Verb
    token: str = ""
    """Where the kernel does not tell who asks."""


@dataclass(frozen=True, slots=True)
class ControlReply:
    did: bool
    """True if there was something to do it to."""
    doing: str
    """idle, speaking, listening or transcribing."""
    muted: bool
    held: bool
    """Push-to-talk is down."""
    folder: str
    """Where the program works: the project of its agent."""
    pid: int


def line(message: ControlRequest | ControlReply) -> bytes:
    return json.dumps(asdict(message)).encode() + b"\n"


def parse_request(text: bytes) -> ControlRequest:
    """Raises MalformedError."""
    members = _members(text)
    try:
        return ControlRequest(Verb(members.get("verb", "")), str(members.get("token", "")))
    except ValueError as error:
        raise MalformedError("no such verb") from error


def parse_answer(text: bytes) -> ControlReply:
    """Raises MalformedError. Members that are not known here are from a newer program, and left out."""
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
