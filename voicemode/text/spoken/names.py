"""Names that are made of words: of files, folders and identifiers."""

import re

_EXTENSIONS = {"txt": "text", "yml": "yaml", "json": "JSON", "jpg": "JPEG", "cpp": "C plus plus", "cs": "C sharp"}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SHORTEST_SHOUT = 5


def say_name(name: str) -> str:
    """A file or folder: "test_main.py" -> "test main dot py"."""
    *stem, last = re.sub(r"[-_+@]+", " ", name).split(".")
    if stem:
        last = _EXTENSIONS.get(last.lower()) or (last if re.search("[aeiouy]", last.lower()) else last.upper())
    words = [split_humps(_quiet(part)) for part in stem] + [last if stem else split_humps(_quiet(last))]
    return " dot ".join(words).strip()


def _quiet(word: str) -> str:
    """README is a word, not six letters."""
    return word.lower() if word.isupper() and len(word) >= _SHORTEST_SHOUT else word


def split_humps(name: str) -> str:
    """getUserName -> get User Name, in lower case where it is not an initialism."""
    words = _HUMP.sub(" ", name).split()
    return " ".join(words if len(words) == 1 else [w if w.isupper() and len(w) > 1 else w.lower() for w in words])
