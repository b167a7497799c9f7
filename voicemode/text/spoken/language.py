"""Detection of English. A coarse guess will do: the price of an error is a number spoken in the wrong language."""

import re

_ENGLISH = frozenset(
    re.findall(r"\w+", "the and is are was to of in it that this for you we with on be have has not can will your as at all")
)
_OTHER = frozenset(
    re.findall(
        r"\w+",
        "der das und ist nicht ich ein eine einen mit auf für von zu dem den wir sie sind im es wird auch "
        "le les et est un une des pour dans que je vous pas du au sur nous avec sont il elle "
        "el los las una por para con está muy lo como pero "
        "di che è non sono della il gli "
        "um uma não em você "
        "het een van niet zijn op voor maar "
        "och att det som är på inte för med ikke jeg "
        "nie jest się że",
    )
)
_WORD = re.compile(r"(?<![\w./@:-])[^\W\d_]+(?![\w/@:(-]|\.\w)")
"""Words, but not parts of names, paths or addresses, which are alike in all languages."""
_LATIN_END = "\u024f"


def is_english(text: str, language: str) -> bool:
    """True if symbols and numbers in `text` can be spoken as English words; `language` decides if it is given."""
    if language:
        return language.lower().startswith("en")
    words = _WORD.findall(text.lower())
    foreign = sum(len(word) for word in words if word[0] > _LATIN_END)
    if foreign * 4 > sum(map(len, words)):
        return False
    return sum(word in _OTHER for word in words) <= sum(word in _ENGLISH for word in words)
