"""Taking members out of a JSON text, and leaving every other character as it is. Pure."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder()

Keys = tuple[str, ...]
"""Where a member is: the keys that lead to it, from the outermost object."""


@dataclass(frozen=True, slots=True)
class JsonMember:
    """One `"key": value` of an object, by where it stands in the text."""

    key: str
    begin: int
    """Offset of the key."""
    value: int
    end: int
    """After the value."""


def without(text: str, places: Iterable[Keys]) -> str:
    """`text` less the members at `places`. Raises ValueError if it is no JSON, KeyError if there is no such member."""
    for keys in places:
        begin, end = _span(text, keys)
        text = text[:begin] + text[end:]
    return text


def _span(text: str, keys: Keys) -> tuple[int, int]:
    """From where to where the member reaches, with the comma and the space that go with it."""
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
    """The member called `key`; of several, the last counts, as it does for whoever reads the file."""
    found = [member for member in _members(text, opening) if member.key == key]
    if not found:
        raise KeyError(key)
    return found[-1]


def _members(text: str, opening: int) -> Iterator[JsonMember]:
    """The members of the object that begins at `opening`."""
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
