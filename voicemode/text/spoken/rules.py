"""Text rewritten by a list of rules, one after the other; and the tables such rules use."""

import re
from collections.abc import Callable, Sequence

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]
"""What to look for, and what to say instead."""


def rewrite(text: str, rules: Sequence[Rule]) -> str:
    for pattern, said in rules:
        text = pattern.sub(said, text)
    return text


def rewrite_where(sign: re.Pattern[str], text: str, rules: Sequence[Rule]) -> str:
    """`rewrite` if `sign` is there: most sentences have nothing for most rules."""
    return rewrite(text, rules) if sign.search(text) else text


def table(text: str) -> dict[str, str]:
    """A small dictionary, readable: "ms: millisecond, s: second"."""
    return dict(entry.split(": ") for entry in text.split(", "))
