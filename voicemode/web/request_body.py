"""Request bodies, checked."""

import unicodedata

from starlette.requests import Request

from voicemode.http_server.body import json_object, malformed
from voicemode.http_server.errors import ApiError
from voicemode.text.person_names import person_name

LONGEST_NAME = 64
LONGEST_TEXT = 1024


async def texts(request: Request, *names: str) -> list[str]:
    """The texts called `names` in a JSON body that has exactly these. Raises ApiError 400."""
    said = await json_object(request)
    if set(said) != set(names) or not all(isinstance(value, str) for value in said.values()):
        raise malformed(f"The body of the request has to be an object with the texts {', '.join(names)}.")
    if any(len(text) > LONGEST_TEXT for text in said.values()):
        raise malformed("That is too long.")
    return [said[name] for name in names]


def name(text: str, what: str) -> str:
    """`text` as the name of a room or a person: what one can read, without what only changes how it looks.

    Raises ApiError 400. `what` is said to the person.
    """
    cleaned = " ".join(unicodedata.normalize("NFC", text).split())
    if not 0 < len(cleaned) <= LONGEST_NAME or not cleaned.isprintable() or "/" in cleaned:
        raise ApiError(400, f"{what} has 1 to {LONGEST_NAME} letters, digits and signs, without a slash.", code="bad_name")
    return cleaned


def person(text: str) -> str:
    """`text` as the name of a person, cleaned so that nobody passes for another. Raises ApiError 400."""
    cleaned = person_name(name(text, "Your name"))
    if not cleaned:
        raise ApiError(400, "Your name needs a letter or a digit.", code="bad_name")
    return cleaned
