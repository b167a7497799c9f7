"""Written text → spoken text; and back, for names a recogniser hears otherwise than they are written.

    spoken("**Done**: 3 tests in `src/app/main.py` took 1.5s.")
    'Done: three tests in main dot py in app took one point five seconds.'

Markup goes in every language. Words for numbers, symbols and names are English, so they are used for English text only;
other languages are left to the engine that speaks them.

markdown    headings, lists, tables, code blocks, links -> sentences
places      URLs, mail addresses, file paths
code        identifiers, flags, operators
quantities  dates, times, money, units, numbers; `numbers` has the words
symbols     &, ->, <=, emoji
"""

import re
from collections.abc import Sequence

from voicemode.text.spoken.code import say_code, say_identifiers
from voicemode.text.spoken.language import is_english
from voicemode.text.spoken.markdown import CODE_SPAN, blocks
from voicemode.text.spoken.places import say_places, shorten_places
from voicemode.text.spoken.pronounce import Pronounce, replacing
from voicemode.text.spoken.quantities import say_quantities
from voicemode.text.spoken.symbols import drop_emoji, name_emoji, say_symbols

__all__ = ["Pairs", "spoken", "written"]

Pairs = Sequence[tuple[str, str]]
"""(written, spoken)"""


def spoken(text: str, pronounce: Pairs = (), language: str = "") -> str:
    """`text` as a person would say it: one line for each paragraph, item, heading or table row; "" if there is nothing to say.

    Args:
        text: What an agent writes: prose, markdown, code.
        pronounce: Words of the user, replaced wherever they stand alone.
        language: ISO 639-1 code of the text; empty is guessed.
    """
    say = _say_english if is_english(text, language) else _say_other
    swap = replacing(pronounce)
    lines = [say(block, swap) for block in blocks(text, english=say is _say_english)]
    return "\n".join(line for line in lines if any(map(str.isalnum, line))) or name_emoji(text)


def written(text: str, pronounce: Pairs = ()) -> str:
    """A transcript with the user's words as they are written: `pronounce` the other way round."""
    return replacing([(spoken, written) for written, spoken in pronounce])(text)


def _say_english(block: str, swap: Pronounce) -> str:
    prose_and_code = re.split(CODE_SPAN, block)
    prose_and_code[::2] = [say_identifiers(swap(say_places(prose))) for prose in prose_and_code[::2]]
    prose_and_code[1::2] = [say_code(swap(code)) for code in prose_and_code[1::2]]
    return _tidy(re.sub(r" ([,.;:!?])(?=\s|$)", r"\1", _tidy(say_symbols(say_quantities("".join(prose_and_code))))))


def _say_other(block: str, swap: Pronounce) -> str:
    return _tidy(drop_emoji(swap(shorten_places(re.sub(CODE_SPAN, r"\1", block)))))


def _tidy(text: str) -> str:
    return " ".join(text.split())
