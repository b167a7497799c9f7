"""Conversion between the text in files or the environment and typed values. Pure."""

import re
from dataclasses import Field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

TRUE = ("true", "1", "yes", "on")
FALSE = ("false", "0", "no", "off")

LEAST_PASSWORD = 10
"""Fewest characters of a password."""
Action = Literal["send", "wait", "repeat", "stop", "nod"]
"""Effect of a spoken phrase: end the turn; hold it open; repeat the message; while we speak, stop us, or let us go on
because the phrase is only a sign of listening."""
SPOKEN_LANGUAGE = "language"
"""Placeholder for the phrases of the language spoken."""


def parse(item: Field[Any], text: str, folder: Path) -> Any:
    """Return `text` as a value of this field; relative paths start at `folder`. Raises ValueError with the values allowed."""
    kind, check = item.type, item.metadata.get("check", str)
    text = text.strip()
    if kind is bool:
        return _boolean(text)
    if kind is int or kind is float:
        return _number(item, text)
    if get_origin(kind) is tuple:
        return tuple(check(part) for part in split(text))
    if get_args(kind) and text.lower() in get_args(kind):
        return text.lower()
    if kind is str:
        return check(text)
    if is_path(item):
        return _path(text, folder)
    raise ValueError(allowed(item))


def is_path(item: Field[Any]) -> bool:
    return Path in (item.type, *get_args(item.type))


def allowed(item: Field[Any]) -> str:
    """Describe the values a field accepts, for messages and the template; empty if any text is valid."""
    kind = item.type
    if kind is bool:
        return "true or false"
    if kind is int or kind is float:
        noun = "a whole number" if kind is int else "a number"
        return f"{noun} from {item.metadata['minimum']} to {item.metadata['maximum']}"
    if get_origin(kind) is tuple:
        return "separated by commas"
    return "" if kind is str or is_path(item) else f"one of {', '.join(get_args(kind))}"


def render(value: Any) -> str:
    """Return the text that `parse` reads as `value`."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(part.replace(",", "\\,") for part in value)
    return str(value)


def split(text: str) -> list[str]:
    """Return the parts of a list; `\\,` is a comma within a part."""
    parts = (part.replace("\\,", ",").strip() for part in re.split(r"(?<!\\),", text))
    return [part for part in parts if part]


def shown(item: Field[Any], text: str) -> str:
    """Return `text` fit to be shown: no secret, no key in a URL, no terminal control characters, not too long."""
    if item.metadata.get("secret"):
        return "(not shown)"
    text = re.sub(r"//[^\s,]*@", "//(not shown)@", text)
    text = re.sub(r"[?#][^\s,]+", "?(not shown)", text)
    text = re.sub(r"\bsk-[\w-]{6,}", "(not shown)", text)
    return repr(text if len(text) <= 80 else f"{text[:80]}...")


def printable(thing: object) -> str:
    """Return `thing` as text without terminal control characters."""
    text = str(thing)
    return text if text.isprintable() else repr(text)


def pair(text: str) -> str:
    """Return `text` if it is WRITTEN=SPOKEN. Raises ValueError."""
    if not all(part.strip() for part in text.partition("=")):
        raise ValueError("WRITTEN=SPOKEN pairs, separated by commas")
    return text


def steering(text: str) -> str:
    """Return `text` if it is PHRASE=ACTION or SPOKEN_LANGUAGE. Raises ValueError."""
    phrase, _, action = (part.strip() for part in text.partition("="))
    if text != SPOKEN_LANGUAGE and not (phrase and action in get_args(Action)):
        raise ValueError(f"PHRASE=ACTION with one of {', '.join(get_args(Action))}, or {SPOKEN_LANGUAGE}, separated by commas")
    return text


def language_code(text: str) -> str:
    """Return `text` in lower case if it looks like `en` or `yue`. Raises ValueError."""
    if not re.fullmatch("[A-Za-z]{2,3}", text):
        raise ValueError("an ISO 639-1 code such as en, or empty")
    return text.lower()


def api_key(text: str) -> str:
    """Return `text` if it can be sent in an HTTP header. Raises ValueError."""
    if not re.fullmatch("[!-~]+", text):
        raise ValueError("a key: letters, digits and signs, no spaces")
    return text


def port(text: str) -> str:
    """Return `text` if it is a port. Raises ValueError."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535):
        raise ValueError("ports from 1 to 65535, separated by commas")
    return text


def host(text: str) -> str:
    """Return `text` in lower case if it is a host name. Raises ValueError."""
    if not re.fullmatch(r"(?!-)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", text):
        raise ValueError("names of machines such as box.example.net, without port, separated by commas")
    return text.lower()


def password(text: str) -> str:
    """Return `text` if it is long enough. Raises ValueError."""
    if len(text) < LEAST_PASSWORD:
        raise ValueError(f"at least {LEAST_PASSWORD} characters")
    return text


def _boolean(text: str) -> bool:
    if text.lower() not in TRUE + FALSE:
        raise ValueError("true or false")
    return text.lower() in TRUE


def _number(item: Field[Any], text: str) -> int | float:
    try:
        number = int(text) if item.type is int else float(text)
    except ValueError:
        raise ValueError(allowed(item)) from None
    # Written so that NaN is refused, too.
    if not item.metadata["minimum"] <= number <= item.metadata["maximum"]:
        raise ValueError(allowed(item))
    return number


def _path(text: str, folder: Path) -> Path:
    try:
        return (folder / Path(text).expanduser()).absolute()
    except RuntimeError:
        raise ValueError("a path; there is no such user") from None
