"""Text rewriting by a list of rules, one after another; and the tables that such rules use."""

import re
from collections.abc import Callable, Sequence

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]
"""Pattern, and the words to say instead."""


def rewrite(text: str, rules: Sequence[Rule]) -> str:
    for pattern, said in rules:
        text = pattern.sub(said, text)
    return text


def rewrite_where(sign: re.Pattern[str], text: str, rules: Sequence[Rule]) -> str:
    """Apply `rules` if `sign` occurs in `text`: most rules find nothing in most sentences."""
    return rewrite(text, rules) if sign.search(text) else text


def table(text: str) -> dict[str, str]:
    """Return a small dictionary from readable text: "ms: millisecond, s: second"."""
    return dict(entry.split(": ") for entry in text.split(", "))
