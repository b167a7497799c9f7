"""Validation of request bodies."""

import unicodedata

from starlette.requests import Request

from voicemode.http_server.body import json_object, malformed
from voicemode.http_server.errors import ApiError
from voicemode.text.person_names import person_name

LONGEST_NAME = 64
LONGEST_TEXT = 1024


async def texts(request: Request, *names: str) -> list[str]:
    """Return the texts called `names` from a JSON body with exactly these members. Raises ApiError 400."""
    said = await json_object(request)
    if set(said) != set(names) or not all(isinstance(value, str) for value in said.values()):
        raise malformed(f"The body of the request has to be an object with the texts {', '.join(names)}.")
    if any(len(text) > LONGEST_TEXT for text in said.values()):
        raise malformed("That is too long.")
    return [said[name] for name in names]


def name(text: str, what: str) -> str:
    """Return `text` as the name of a room or a person: printable, in NFC, with single spaces.

    Raises ApiError 400, with `what` as the subject of its message.
    """
    cleaned = " ".join(unicodedata.normalize("NFC", text).split())
    if not 0 < len(cleaned) <= LONGEST_NAME or not cleaned.isprintable() or "/" in cleaned:
        raise ApiError(400, f"{what} has 1 to {LONGEST_NAME} letters, digits and signs, without a slash.", code="bad_name")
    return cleaned


def person(text: str) -> str:
    """Return `text` as the name of a person, cleaned to prevent impersonation. Raises ApiError 400."""
    cleaned = person_name(name(text, "Your name"))
    if not cleaned:
        raise ApiError(400, "Your name needs a letter or a digit.", code="bad_name")
    return cleaned
