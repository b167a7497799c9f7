"""Pronunciations set by the user."""

import re
from collections.abc import Callable, Sequence

Pronounce = Callable[[str], str]


def replacing(pairs: Sequence[tuple[str, str]]) -> Pronounce:
    """Return a function replacing the first of each pair by the second, in one pass: whole words, any case, longest first."""
    table = {_key(old): new for old, new in pairs if old.strip() and new.strip()}
    if not table:
        return lambda text: text
    alternatives = "|".join(r"\s+".join(map(re.escape, old.split())) for old in sorted(table, key=len, reverse=True))
    pattern = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)
    return lambda text: pattern.sub(lambda found: table[_key(found[0])], text)


def _key(words: str) -> str:
    return " ".join(words.lower().split())
