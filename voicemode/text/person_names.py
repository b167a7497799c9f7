"""Names of people, cleaned so that nobody can pass for another, for the agent, or for a line of our own. Pure.

Whoever reads a transcript knows people by their names alone, and people choose these themselves.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, count

GUEST = "Guest"
"""Name of those who have none, or one of `RESERVED`."""
RESERVED = ("Agent", "Assistant", "System", "Somebody", "VoiceMode")
LONGEST = 64
MARKS = 3
"""At most so many accents and vowel signs on a letter: a tower of them covers the lines around it."""
SIGNS = frozenset("'’-._")
EASTERN = "CJK HIRAGANA KATAKANA KATAKANA-HIRAGANA HANGUL BOPOMOFO IDEOGRAPHIC"
OTHERS = (
    "LATIN GREEK CYRILLIC ARMENIAN HEBREW ARABIC DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU KANNADA MALAYALAM "
    "SINHALA THAI LAO TIBETAN MYANMAR GEORGIAN ETHIOPIC KHMER THAANA"
)
SCRIPTS = {**dict.fromkeys(EASTERN.split(), "EASTERN"), **{script: script for script in OTHERS.split()}}
"""The scripts that Unicode recommends for names, by the first word of their letters' names; those of East Asia are mixed."""
IGNORABLE = re.compile(r"FILLER|JOINER|VARIATION SELECTOR")
"""In the names of letters and marks that cannot be seen."""
LOOKALIKES = str.maketrans(
    "АВЕЅЗІЈКМНОРСТУХҮԚԜӀавгезѕіјкмноп" + "рсстухьүһԁԛԝѵӏ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβγεηικμνορσςτυχω" + "ՏՍՕԼզլհյոսցղօ" + "ɑƖɩ",
    "ABES3IJKMHOPCTYXYQWIabre3sijkmhon" + "pcctyxbyhdqwvl" + "ABEZHIKMNOPTYXabyenlkuvopoctuxw" + "SUOLqlhjnugno" + "all",
)
"""Letters that look like other, Latin ones: Cyrillic, Greek, Armenian, phonetic."""
LATIN = re.compile(r"LATIN (?:\w+ )*LETTER (?:\w+ )*?([A-Z])(?: WITH .*)?")
"""Names of letters that are a Latin one with a change: Ø, ʀ."""
ALIKE = (("0", "o"), ("1", "l"), ("i", "l"), ("rn", "m"), ("vv", "w"))


def person_name(text: str) -> str:
    """`text` as a name: letters of one script, digits, and the signs that names have; empty if nothing is left."""
    folded = unicodedata.normalize("NFKC", text)
    scripts = Counter(filter(None, map(_script, folded)))
    kept = "".join(_kept(folded, max(scripts, key=scripts.__getitem__, default="")))
    name = " ".join(unicodedata.normalize("NFC", kept).split())[:LONGEST].strip()
    return name if any(map(str.isalnum, name)) else ""


def distinct(name: str, others: Iterable[str], ours: str) -> str:
    """`name`, with a number if it looks like one of `others`; `GUEST` in place of what nobody may be called: `ours`, too."""
    taken = {skeleton(other) for other in others}
    own = GUEST if not name or is_reserved(name, ours) else name
    return next(name for name in chain([own], (f"{own} ({number})" for number in count(2))) if skeleton(name) not in taken)


def is_reserved(name: str, ours: str) -> bool:
    """True if `name` looks like one of `RESERVED` or `ours`, be it with a number."""
    looks = {skeleton(name), skeleton(name.rstrip("0123456789 .-_"))}
    return not looks.isdisjoint(map(skeleton, (*RESERVED, ours)))


def skeleton(name: str) -> str:
    """What is left of `name` for a quick glance: equal for names that look alike."""
    letters = unicodedata.normalize("NFKD", name).translate(LOOKALIKES)
    bare = "".join(map(_bare, letters)).casefold()
    for one, other in ALIKE:
        bare = bare.replace(one, other)
    return bare


def _kept(folded: str, script: str) -> Iterator[str]:
    """What stays of each character: itself, its double in `script`, a space, or nothing."""
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
    """The script of a letter; empty for all else."""
    name = unicodedata.name(character, "") if character.isalpha() else ""
    return "" if IGNORABLE.search(name) else SCRIPTS.get(name.partition(" ")[0], "")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc") and not IGNORABLE.search(unicodedata.name(character, ""))


def _bare(character: str) -> str:
    """A letter or digit without what is added to it; empty for all else."""
    latin = LATIN.fullmatch(unicodedata.name(character, ""))
    return latin[1] if latin else character if character.isalnum() else ""
