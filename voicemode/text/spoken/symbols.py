"""Symbols that stand for words, and emoji."""

import re
import unicodedata

from voicemode.text.spoken.rules import Rule, rewrite_where

_EMOJI = "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u231a-\u23ff\u25a0-\u25ff\u200d\ufe0f\u20e3\U000e0020-\U000e007f]"
_JOINERS = "\u200d\ufe0f\u20e3"
_EMOJI_RUN = re.compile(rf"(?:(?<=[0-9#*])\ufe0f\u20e3|(?![{_JOINERS}]){_EMOJI}{_EMOJI}*)")
_SHORTCODE = re.compile(r"(?<!\S):[a-z][a-z0-9_+-]{0,40}:(?!\S)")
_MARKS = {"✅": "yes", "✓": "yes", "✔": "yes", "❌": "no", "✗": "no", "✘": "no", "✖": "no", "⚠": "warning"}


def drop_emoji(text: str) -> str:
    return _SHORTCODE.sub("", _EMOJI_RUN.sub("", text))


def name_emoji(text: str) -> str:
    """Return the names of the emoji in a text without words, "" for any other text."""
    if any(map(str.isalnum, drop_emoji(text))):
        return ""
    names = [_MARKS.get(c) or unicodedata.name(c, "").lower() for c in text if re.match(_EMOJI, c) and _is_picture(c)]
    return ", ".join(dict.fromkeys(filter(None, names)))


def _is_picture(character: str) -> bool:
    """True for a picture; False for a joiner, a skin colour or a tag."""
    return unicodedata.category(character) in ("So", "Sm", "Po")


_SYMBOLS: list[Rule] = [
    (re.compile(r"\s*(?:<-+>|<=+>|↔|⇔)\s*"), " and "),
    (re.compile(r"\s*(?:-+>|=+>|→|⇒|➜|➡\ufe0f?)\s*"), " to "),
    (re.compile(r"\s*(?:←|⇐)\s*"), " from "),
    (re.compile(r"[↑⬆]\ufe0f?"), "up "),
    (re.compile(r"[↓⬇]\ufe0f?"), "down "),
    (re.compile(r"\s*(?:<=|≤)\s*"), " less than or equal to "),
    (re.compile(r"\s*(?:>=|≥)\s*"), " greater than or equal to "),
    (re.compile(r"\s*(?:!==?|≠)\s*"), " is not "),
    (re.compile(r"\s*={2,3}\s*"), " equals "),
    (re.compile(r"(?<=\w) ?= ?(?=\w)"), " equals "),
    (re.compile(r"(?<!\S)<\s*(?=[\w$-])"), "less than "),
    (re.compile(r"(?<!\S)>\s*(?=[\w$-])"), "more than "),
    (re.compile(r"(?<!\S)(?:[Aa](?:bout|round|pproximately) )?[~≈]\s*(?=[\w$])"), "about "),
    (re.compile(r"(?<!\S)~[&*]*(?!\S)"), ""),
    (re.compile(r"\s*±\s*"), " plus or minus "),
    (re.compile(r"\s*÷\s*"), " divided by "),
    (re.compile(r"(?<=\w) ?\u00d7 ?(?=\w)|(?<=\w) \* (?=\w)"), " times "),
    (re.compile(r"(?<=\w) \+ (?=\w)|(?<=\d)\+(?=\d)"), " plus "),
    (re.compile(r"(?<=[a-z])\+(?=[A-Z\d]|[a-z]+\b)"), " "),  # keys
    (re.compile(r"(?<=\w)\+(?!\w)"), " plus"),
    (re.compile(r"\s*&&?\s*"), " and "),
    (re.compile(r"\s*\|\|\s*"), " or "),
    (re.compile(r"\s+\|\s+"), ", "),
    (re.compile(r"(?<=[^\W\d]),(?=\w)"), ", "),
    (re.compile(r"§ ?"), "section "),
    (re.compile(r"²"), " squared"),
    (re.compile(r"³"), " cubed"),
    (re.compile(r"(?i)\bw/o\b"), "without"),
    (re.compile(r"(?i)\bw/(?=\s)"), "with"),
    (re.compile(r"(?<=[a-z])/(?=(?:second|minute|hour|day|week|month|year|user|person|token|request)\b)"), " per "),
    (re.compile(r"(?<=[^\W\d])/(?=[^\W\d])"), " "),
    (re.compile(r"[©®™•`]"), ""),
]


_SIGN = re.compile(r"[^\w\s.,;:!?'\"“”‘’()\[\]{}–—-]|,\w|-+>|[²³]")


def say_symbols(text: str) -> str:
    """Say symbols as English words; emoji are dropped."""
    # The rules also match blanks, and would try each of many blanks in vain.
    return drop_emoji(rewrite_where(_SIGN, " ".join(text.split()), _SYMBOLS))
