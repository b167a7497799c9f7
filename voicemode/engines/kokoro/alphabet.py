"""Conversion of text to the letters of the pronouncing dictionary, after `text.spoken` has chosen the wording."""

import re
import unicodedata
from types import MappingProxyType

from voicemode.text.spoken import spoken

_CHARACTERS = str.maketrans(
    {
        "\N{NON-BREAKING HYPHEN}": "-",
        "−": "-",
        "·": " ",
        "’": "'",
        "‘": "'",
        "…": "...",
        "\\": " backslash ",
        "，": ", ",
        "。": ". ",
        "？": "? ",
        "！": "! ",
        "、": ", ",
        "：": ": ",
        "；": "; ",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ß": "ss",
        "æ": "ae",
        "Æ": "Ae",
        "œ": "oe",
        "Œ": "Oe",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "ð": "th",
        "Ð": "Th",
        "þ": "th",
        "Þ": "Th",
        "ħ": "h",
        "ŋ": "ng",
    }
)
_SCRIPTS = MappingProxyType(
    {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean", "DEVANAGARI": "Hindi"}
)
"""Unicode script name -> common name, where the two differ."""
_FOREIGN = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff]+(?:[\s、，。]+[^\W\d_\u0000-\u024f\u1e00-\u1eff]+)*")
_READABLE = re.compile(r"[^\nA-Za-z0-9 .,;:!?'\"“”()\[\]{}—–/$£€%&+@#-]")
_TOO_LONG = re.compile(r"(\w{40})\w+")
"""Words of more than 40 characters, cut off there: nobody reads out a key to its end."""
_GLUED = re.compile(r"\S{48}")
"""Runs without a space, broken up at 48 characters: the dictionary takes far too long for longer ones."""


def pronounceable(text: str) -> str:
    """Return the spoken form of `text`, ready for the dictionary; empty if it has no word in Latin letters or digits."""
    said = spoken(text, language="en")
    if not any(character.isascii() and character.isalnum() for character in unicodedata.normalize("NFKD", said)):
        return ""
    return to_ascii(_GLUED.sub(r"\g<0> ", _TOO_LONG.sub(r"\1", _FOREIGN.sub(_named, said))))


def _named(foreign: re.Match[str]) -> str:
    """Return a mention of words in an unreadable script: a gap could reverse the meaning of the sentence."""
    script = unicodedata.name(foreign[0][0], "another").split()[0]
    return f" {'words' if ' ' in foreign[0] else 'a word'} in {_SCRIPTS.get(script, script.capitalize())} "


def to_ascii(text: str) -> str:
    """Return `text` without accents; unreadable characters become spaces."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_CHARACTERS))
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return _READABLE.sub(" ", bare.translate(_CHARACTERS))
