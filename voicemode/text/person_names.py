"""Names of people, cleaned so that nobody can pass for another person, the agent, or a note of VoiceMode. Pure.

In a transcript people are identified by their names alone, and they choose these themselves.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, count

GUEST = "Guest"
"""Name of a person who has none, or one of `RESERVED`."""
RESERVED = ("Agent", "Assistant", "System", "Somebody", "VoiceMode")
LONGEST = 64
MARKS = 3
"""Maximum number of accents and vowel signs on a letter: a stack of them covers the lines around it."""
SIGNS = frozenset("'’-._")
EASTERN = "CJK HIRAGANA KATAKANA KATAKANA-HIRAGANA HANGUL BOPOMOFO IDEOGRAPHIC"
OTHERS = (
    "LATIN GREEK CYRILLIC ARMENIAN HEBREW ARABIC DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU KANNADA MALAYALAM "
    "SINHALA THAI LAO TIBETAN MYANMAR GEORGIAN ETHIOPIC KHMER THAANA"
)
SCRIPTS = {**dict.fromkeys(EASTERN.split(), "EASTERN"), **{script: script for script in OTHERS.split()}}
"""Scripts that Unicode recommends for names, by the first word of their letters' names; East Asian ones count as one."""
IGNORABLE = re.compile(r"FILLER|JOINER|VARIATION SELECTOR")
"""Pattern in the Unicode names of invisible letters and marks."""
LOOKALIKES = str.maketrans(
    "АВЕЅЗІЈКМНОРСТУХҮԚԜӀавгезѕіјкмноп" + "рсстухьүһԁԛԝѵӏ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβγεηικμνορσςτυχω" + "ՏՍՕԼզլհյոսցղօ" + "ɑƖɩ",
    "ABES3IJKMHOPCTYXYQWIabre3sijkmhon" + "pcctyxbyhdqwvl" + "ABEZHIKMNOPTYXabyenlkuvopoctuxw" + "SUOLqlhjnugno" + "all",
)
"""Letters that look like Latin ones: Cyrillic, Greek, Armenian, phonetic."""
LATIN = re.compile(r"LATIN (?:\w+ )*LETTER (?:\w+ )*?([A-Z])(?: WITH .*)?")
"""Unicode names of modified Latin letters: Ø, ʀ."""
ALIKE = (("0", "o"), ("1", "l"), ("i", "l"), ("rn", "m"), ("vv", "w"))


def person_name(text: str) -> str:
    """Return `text` as a name: letters of one script, digits, and the punctuation of names; empty if nothing is left."""
    folded = unicodedata.normalize("NFKC", text)
    scripts = Counter(filter(None, map(_script, folded)))
    kept = "".join(_kept(folded, max(scripts, key=scripts.__getitem__, default="")))
    name = " ".join(unicodedata.normalize("NFC", kept).split())[:LONGEST].strip()
    return name if any(map(str.isalnum, name)) else ""


def distinct(name: str, others: Iterable[str], ours: str) -> str:
    """Return `name`, with a number if it looks like one of `others`; `GUEST` in place of a reserved name or `ours`."""
    taken = {skeleton(other) for other in others}
    own = GUEST if not name or is_reserved(name, ours) else name
    return next(name for name in chain([own], (f"{own} ({number})" for number in count(2))) if skeleton(name) not in taken)


def is_reserved(name: str, ours: str) -> bool:
    """True if `name` looks like `ours` or one of `RESERVED`, with or without a number."""
    looks = {skeleton(name), skeleton(name.rstrip("0123456789 .-_"))}
    return not looks.isdisjoint(map(skeleton, (*RESERVED, ours)))


def skeleton(name: str) -> str:
    """Return `name` reduced to its appearance at a glance: equal for names that look alike."""
    letters = unicodedata.normalize("NFKD", name).translate(LOOKALIKES)
    bare = "".join(map(_bare, letters)).casefold()
    for one, other in ALIKE:
        bare = bare.replace(one, other)
    return bare


def _kept(folded: str, script: str) -> Iterator[str]:
    """Yield the replacement of each character: itself, its lookalike in `script`, a space, or nothing."""
    marks = MARKS
    for character in folded:
        if _is_mark(character):
            marks += 1
            yield character if marks <= MARKS else ""
            continue
        doubles = (character, character.translate(LOOKALIKES))
        letter = next((one for one in doubles if script and _script(one) == script), "")
        marks = 0 if letter else MARKS
        if character.isdecimal() or character in SIGNS:
            yield character
        elif character.isspace() or unicodedata.category(character)[0] not in "CL":
            yield " "
        else:
            yield letter


def _script(character: str) -> str:
    """Return the script of a letter; empty for any other character."""
    name = unicodedata.name(character, "") if character.isalpha() else ""
    return "" if IGNORABLE.search(name) else SCRIPTS.get(name.partition(" ")[0], "")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc") and not IGNORABLE.search(unicodedata.name(character, ""))


def _bare(character: str) -> str:
    """Return a letter or digit without its modifications; empty for any other character."""
    latin = LATIN.fullmatch(unicodedata.name(character, ""))
    return latin[1] if latin else character if character.isalnum() else ""
