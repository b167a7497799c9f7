"""Written text to spoken text; and back, for names that recognisers do not write as the user does.

    spoken("**Done**: 3 tests in `src/app/main.py` took 1.5s.")
    'Done: three tests in main dot py in app took one point five seconds.'

Markup is removed in every language. Words for numbers, symbols and names are English, so they are used for English text only;
other languages are left to the speech engine.

markdown       headings, lists, tables, code blocks, links -> sentences; `html` removes tags
places         URLs, mail addresses, file paths
code           identifiers, flags, operators
names          technical names (trade.txt), initialisms, letters with digits
abbreviations  "No. 5", "e.g.", "Part III", "Mon-Fri"
notation       powers, exponents, formulas
quantities     dates, times, money, units, numbers; `numbers` has the words
symbols        &, ->, <=, emoji

Spoken text passes through a second time unchanged, so a server may apply the same rules to the text of its clients.
"""

import re
from collections.abc import Sequence

from voicemode.text.spoken.abbreviations import say_abbreviations
from voicemode.text.spoken.code import say_code, say_identifiers
from voicemode.text.spoken.language import is_english
from voicemode.text.spoken.markdown import Line, read_markdown
from voicemode.text.spoken.names import say_initialisms, say_trade_names
from voicemode.text.spoken.notation import say_notation
from voicemode.text.spoken.places import say_places, shorten_places
from voicemode.text.spoken.pronounce import Pronounce, replacing
from voicemode.text.spoken.quantities import say_quantities
from voicemode.text.spoken.symbols import drop_emoji, name_emoji, say_symbols

__all__ = ["Pairs", "spoken", "written"]

Pairs = Sequence[tuple[str, str]]
"""(written, spoken) pairs."""


def spoken(text: str, pronounce: Pairs = (), language: str = "") -> str:
    """Return `text` as a person would say it: a line per paragraph, item, heading or table row; "" if there is nothing to say.

    Args:
        text: Text of an agent: prose, Markdown, code.
        pronounce: Words of the user, replaced wherever they stand alone.
        language: ISO 639-1 code of the text; empty means detection.
    """
    say = _say_english if is_english(text, language) else _say_other
    swap = replacing(pronounce)
    lines = [say(line, swap) for line in read_markdown(text, english=say is _say_english)]
    return "\n".join(line for line in lines if any(map(str.isalnum, line))) or name_emoji(text)


def written(text: str, pronounce: Pairs = ()) -> str:
    """Return a transcript with the user's words in their written form: `pronounce` in reverse."""
    return replacing([(spoken, written) for written, spoken in pronounce])(text)


def _say_english(line: Line, swap: Pronounce) -> str:
    words = "".join(say_code(swap(text)) if is_code else _say_prose(swap(say_places(text))) for text, is_code in line)
    said = say_trade_names(say_symbols(say_initialisms(say_quantities(words))))
    return _tidy(re.sub(r" ([,.;:!?])(?=\s|$)", r"\1", _tidy(said)))


def _say_prose(text: str) -> str:
    return say_identifiers(say_notation(say_abbreviations(say_trade_names(text))))


def _say_other(line: Line, swap: Pronounce) -> str:
    return _tidy(drop_emoji(swap(shorten_places("".join(text for text, _ in line)))))


def _tidy(text: str) -> str:
    return " ".join(text.split())
