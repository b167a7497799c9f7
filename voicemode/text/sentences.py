"""Text split into sentences, and into the parts that are spoken one after another. Pure."""

import re
from collections.abc import Iterator

GROUP_CHARS = 250
"""Maximum length of sentences that are requested together, after the first part: fewer requests, better intonation."""
FIRST_CHARS = 40
"""Minimum length of the first part, 2.5 s of speech: time for the next part to arrive."""
FASTEST_CHARS = 25.0
"""Maximum number of characters in a second of speech at normal speed."""


def requests(text: str) -> list[str]:
    """Return the parts to request, in order: a short first part, then groups; only an unbreakable piece exceeds GROUP_CHARS."""
    parts: list[str] = []
    for sentence in sentences(text):
        for piece in pieces(sentence, GROUP_CHARS):
            if parts and _belongs(parts, piece):
                parts[-1] += f" {piece}"
            else:
                parts.append(piece)
    return parts


def _belongs(parts: list[str], piece: str) -> bool:
    """True if `piece` is requested together with the last of `parts`."""
    together = len(parts[-1]) + len(piece) < GROUP_CHARS
    return together and (len(parts) > 1 or len(parts[0]) < FIRST_CHARS)


def broken_off(text: str, seconds: float, speed: float) -> tuple[str, str]:
    """Return (text possibly heard, sentences certainly unheard) after `seconds` of speech of `text`."""
    begun, rest, position = list[str](), list[str](), 0
    for sentence in sentences(text):
        (rest if begun and position > seconds * FASTEST_CHARS * speed else begun).append(sentence)
        position += len(sentence) + 1
    return " ".join(begun), " ".join(rest)


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of `text`, without those that have no letter or digit."""
    start = 0
    for mark in _END.finditer(text):
        if _ends(text, start, mark):
            yield from _speakable(text[start : mark.end()])
            start = mark.end()
    yield from _speakable(text[start:])


def pieces(sentence: str, limit: int) -> Iterator[str]:
    """Yield pieces of at most `limit` characters, cut at clauses, commas or spaces; a longer word stays whole."""
    while len(sentence) > limit:
        cut = _cut(sentence, limit)
        yield from _speakable(sentence[:cut])
        sentence = sentence[cut:].strip()
    yield from _speakable(sentence)


def _speakable(text: str) -> Iterator[str]:
    if any(character.isalnum() for character in text):
        yield " ".join(text.split())


_END = re.compile(r"""(?<![.!?…])[.!?…]+["'”’»)\]]*(?=\s|\Z)|[。！？]+[」』”’）]*|\n+""")
_WORD = re.compile(r"[^\s(\[\"'“‘«]*\Z")
_LONGEST_WORD = 40
_INITIALS = re.compile(r"[^\W\d_](?:\.[^\W\d_])*", re.ASCII)
_NEVER_ENDS = re.compile(
    "mr|mrs|ms|dr|prof|st|sr|jr|gen|gov|rep|sen|capt|lt|col|sgt|rev|hon|mt|ft|vs|cf|approx|est|ca|bzw", re.IGNORECASE
)
_ENDS_BEFORE_CAPITAL = re.compile("etc|inc|ltd|co|corp|dept|al|usw", re.IGNORECASE)
_ENDS_UNLESS_NUMBER = re.compile("nos?|nr|figs?|vol|pp|ch|sec|art|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec", re.IGNORECASE)


def _ends(text: str, start: int, mark: re.Match[str]) -> bool:
    """True if `mark` ends a sentence that began at `start`."""
    following = text[mark.end() : mark.end() + 20].lstrip()[:1] if mark[0][0] in ".…" else ""
    if mark[0].startswith(("..", "…")):
        return not following.islower()
    if mark[0][0] != ".":
        return True
    word = _WORD.search(text, max(start, mark.start() - _LONGEST_WORD), mark.start())
    return word is None or not _abbreviates(word[0], following, is_first=not text[start : word.start()].strip())


def _abbreviates(word: str, following: str, *, is_first: bool) -> bool:
    if _ENDS_BEFORE_CAPITAL.fullmatch(word):
        return not following.isupper()
    if _ENDS_UNLESS_NUMBER.fullmatch(word):
        return following.isdecimal()
    is_item_number = is_first and word.isdecimal()
    is_initial = _INITIALS.fullmatch(word) is not None and word != "I"
    return bool(following) and (is_initial or is_item_number or _NEVER_ENDS.fullmatch(word) is not None)


_CUTS = (
    re.compile(r".*[;:—–)](?=\s)|.*[；：]", re.DOTALL),
    re.compile(r".*,(?=\s)|.*[，、]", re.DOTALL),
    re.compile(r".*\s", re.DOTALL),
)
_WRITTEN_WITHOUT_SPACES = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def _cut(sentence: str, limit: int) -> int:
    """Return the position at which to cut a sentence longer than `limit`, not near its beginning if possible."""
    head = sentence[:limit]
    for pattern in _CUTS:
        found = pattern.match(head)
        if found and found.end() > limit // 4:
            return found.end()
    if _WRITTEN_WITHOUT_SPACES.match(head[-1]):
        return limit
    space = re.search(r"\s", sentence[limit:])
    return limit + space.end() if space else len(sentence)
