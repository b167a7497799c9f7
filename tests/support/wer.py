"""Word error rate of a transcript."""

import re
from collections.abc import Iterable

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TITLES = {"mr": "mister", "mrs": "missus", "dr": "doctor"}


def wer(said: str, heard: str) -> float:
    """Return the share of wrong, missing and added words, relative to the spoken words."""
    words = normal(said)
    return distance(words, normal(heard)) / max(1, len(words))


def total_wer(pairs: Iterable[tuple[str, str]]) -> float:
    """Return the word error rate of many recordings together: pairs of spoken text and transcript."""
    counts = [(distance(normal(said), normal(heard)), len(normal(said))) for said, heard in pairs]
    return sum(errors for errors, _ in counts) / sum(words for _, words in counts)


def normal(text: str) -> list[str]:
    """Return lower-case words without punctuation, with numbers up to 9999 and a few titles spelled out."""
    bare = re.sub(r"[^a-z0-9' ]", " ", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    return [word for token in bare.replace("'", "").split() for word in spelled(token).split()]


def spelled(token: str) -> str:
    if token.isdigit() and len(token) <= 4:
        return number(int(token))
    return _TITLES.get(token, token)


def number(value: int) -> str:
    """Return `value`, from 0 to 9999, in words; years as they are read."""
    units, tens = _UNITS.split(), _TENS.split()
    if value < 20:
        return units[value]
    if value < 100:
        return f"{tens[value // 10 - 2]} {units[value % 10] if value % 10 else ''}".strip()
    if 1100 <= value < 2000 and value % 100:
        return f"{number(value // 100)} {number(value % 100)}"
    name, size = ("hundred", 100) if value < 1000 else ("thousand", 1000)
    rest = number(value % size) if value % size else ""
    return f"{number(value // size)} {name} {rest}".strip()


def distance(said: list[str], heard: list[str]) -> int:
    """Return the Levenshtein distance in words."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return row[-1]
