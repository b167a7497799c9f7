"""Removing members from a JSON text without changing any other character. Pure."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder()

Keys = tuple[str, ...]
"""Path of a member: its key and those of the objects around it, outermost first."""


@dataclass(frozen=True, slots=True)
class JsonMember:
    """One `"key": value` of an object, by its position in the text."""

    key: str
    begin: int
    """Offset of the key."""
    value: int
    end: int
    """Offset after the value."""


def without(text: str, places: Iterable[Keys]) -> str:
    """Return `text` without the members at `places`. Raises ValueError if it is not JSON, KeyError if a member is missing."""
    for keys in places:
        begin, end = _span(text, keys)
        text = text[:begin] + text[end:]
    return text


def _span(text: str, keys: Keys) -> tuple[int, int]:
    """Return the begin and end of the member at `keys`, including its comma and whitespace."""
    opening = _skip(text, 0)
    for key in keys[:-1]:
        opening = _last(text, opening, key).value
    members = list(_members(text, opening))
    member = _last(text, opening, keys[-1])
    place = members.index(member)
    if place + 1 < len(members):
        return member.begin, members[place + 1].begin
    if place:
        return members[place - 1].end, member.end
    return opening + 1, _skip(text, member.end)


def _last(text: str, opening: int, key: str) -> JsonMember:
    """Return the member called `key`; the last one if there are several, as JSON parsers do."""
    found = [member for member in _members(text, opening) if member.key == key]
    if not found:
        raise KeyError(key)
    return found[-1]


def _members(text: str, opening: int) -> Iterator[JsonMember]:
    """Yield the members of the object that begins at `opening`."""
    if text[opening : opening + 1] != "{":
        raise ValueError("not an object")
    place = _skip(text, opening + 1)
    while text[place] != "}":
        key, after = _decode(text, place)
        value = _skip(text, _skip(text, after) + 1)
        _, end = _decode(text, value)
        yield JsonMember(key, place, value, end)
        place = _skip(text, end)
        place = _skip(text, place + 1) if text[place] == "," else place


def _decode(text: str, place: int) -> tuple[Any, int]:
    return DECODER.raw_decode(text, place)


def _skip(text: str, place: int) -> int:
    found = SPACE.match(text, place)
    return found.end() if found else place
