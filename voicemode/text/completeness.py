"""Estimates of how finished a text reads. Pure.

Recognisers put a full stop where the audio ends, so a full stop proves little; its absence, or a last word that calls for
another one, proves much.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

FINISHED = 0.64
UNKNOWN = 0.5
"""At the end of a sentence, in a language without a table."""
LIKELY = 0.45
"""After a word that can end a sentence, but does so less often than others."""
SUBORDINATE = 0.27
"""After a sentence that begins with a subordinate clause and shows no sign of its main clause."""
BROKEN_OFF = 0.25
"""At a comma or without punctuation, which recognisers also write after whole sentences."""
SELDOM = 0.13
"""After a word that can end a sentence, but seldom does."""
UNFINISHED = 0.05
"""The values are probabilities for a text that is as likely finished as not. In Debian's `fortunes`, English words end a
sentence 0.05 (leading), 0.15 (seldom) and 1.8 times as often as they stand elsewhere in it, relative to the average."""

ANSWER_WORDS = 4
"""Maximum number of words in a sentence that answers with a pronoun and a verb: “Yes, I can.”"""

ENDS = ".?!。？！"
"""Punctuation that ends a sentence."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """Words of one language, in lower case."""

    leading: frozenset[str]
    """Words that end no sentence: articles, conjunctions, possessives, most prepositions, fillers."""
    auxiliary: frozenset[str]
    """Words that end a sentence less often than other words."""
    subordinate: frozenset[str]
    """First words of sentences that have a second part, after a comma."""
    seldom: frozenset[str] = frozenset()
    """Words that seldom end a sentence: auxiliaries, subject pronouns, intensifiers, verbs that need an object."""
    subjects: frozenset[str] = frozenset()
    """Words that make a short answer together with a `seldom` word."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENGLISH = Grammar(
    leading=_words(
        "a an the and or but nor because although though unless while whereas if whether as than "
        "of at for from into onto with within without between among toward towards during via per upon against "
        "my your his its our their every each which whose who whom where when um uh er erm hmm like"
    ),
    seldom=_words(
        "is are was were be been have has had does will would shall should can could may might must cannot "
        "don't didn't can't won't wouldn't couldn't shouldn't haven't hasn't hadn't let let's having become getting got "
        "i'm you're we're they're it's he's she's that's there's what's who's i've you've we've they've i'd you'd he'd we'd "
        "they'd i'll you'll he'll she'll we'll they'll i he she we they to by after until since except what how "
        "such some any most new several very rather quite just never even still also almost "
        "probably usually actually simply finally therefore make makes take took give gave put keep"
    ),
    auxiliary=_words("am do did being more that this these those so not in"),
    subordinate=_words("if when because although though unless while whereas since after before once whenever had"),
    subjects=_words("i you he she it we they that this there who"),
)
GERMAN = Grammar(
    leading=_words(
        "der die das den dem des ein eine einen einem einer eines und oder aber denn sondern weil dass ob obwohl wenn als "
        "von vom im zum zur beim für mit ohne durch gegen bei bis zwischen während wegen trotz sowie "
        "mein meine meinen dein deine sein seine ihr ihre unser unsere kein keine welche welcher äh ähm also"
    ),
    auxiliary=_words(
        "bin bist ist sind war waren habe hat haben hatte werde wird werden würde kann können muss müssen soll sollte "
        "will ich du er wir man zu nicht sehr mehr in an auf aus nach über unter"
    ),
    subordinate=_words("wenn weil obwohl während nachdem bevor falls sobald als da ob"),
)
FRENCH = Grammar(
    leading=_words(
        "le la les l' un une des du de d' et ou mais car donc que qu' qui dont parce puisque quand lorsque si comme "
        "à au aux dans par pour sur avec sans chez vers entre pendant depuis mon ma mes ton ta tes son sa ses notre nos "
        "votre vos leur leurs chaque euh alors"
    ),
    auxiliary=_words(
        "suis es est sommes êtes sont était étaient ai as a avons avez ont avait vais va peut peux doit je tu il elle on nous "
        "ils ne très plus"
    ),
    subordinate=_words("si quand lorsque puisque comme pendant quoique"),
)
SPANISH = Grammar(
    leading=_words(
        "el la los las un una unos unas y e o u pero sino porque aunque si cuando como que de del a al en con sin por para "
        "sobre entre hasta desde hacia según durante mi mis tu tus su sus nuestro nuestra cada eh este pues"
    ),
    auxiliary=_words(
        "soy eres es somos son era fue estoy está están he has ha hemos han había voy va puede puedo debe yo no muy más"
    ),
    subordinate=_words("si cuando aunque porque mientras como"),
)
GRAMMARS: Mapping[str, Grammar] = MappingProxyType({"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "es": SPANISH})
"""Grammars by ISO 639-1 code."""


MARKS = re.compile(r"[^\w\s'’-]")


def reads_finished(text: str, language: str = "") -> float | None:
    """Return the probability, 0 to 1, that `text` is a finished utterance; None if there is no estimate.

    Args:
        text: Transcript of the utterance so far.
        language: ISO 639-1 code; without a table for it, only punctuation counts. Empty means English.
    """
    text = text.strip()
    words = _words_of(text)
    if not words:
        return None
    grammar = GRAMMARS.get(language or "en")
    if not MARKS.search(text):
        # Some recognisers write no punctuation: then its absence says nothing.
        return UNFINISHED if grammar and words[-1] in grammar.leading and len(words) > 1 else None
    if text.endswith(("...", "…")):
        return UNFINISHED
    if text[-1] not in ENDS:
        return UNFINISHED if grammar and words[-1] in grammar.leading else BROKEN_OFF
    if text[-1] in "?？":
        return FINISHED
    return _by_grammar(words, text, grammar) if grammar else UNKNOWN


def _by_grammar(words: list[str], text: str, grammar: Grammar) -> float:
    if words[-1] in grammar.leading and len(words) > 1:
        return UNFINISHED
    last_sentence = re.split(r"(?<=[.?!])\s+", text)[-1]
    own = _words_of(last_sentence)
    if words[-1] in grammar.seldom and len(words) > 1:
        answers = len(own) <= ANSWER_WORDS and words[-2] in grammar.subjects
        return FINISHED if answers else SELDOM
    if own and own[0] in grammar.subordinate and "," not in last_sentence:
        return SUBORDINATE
    return LIKELY if words[-1] in grammar.auxiliary and len(words) > 1 else FINISHED


def _words_of(text: str) -> list[str]:
    """Return the words of `text` in lower case, as in the tables."""
    return re.findall(r"[\w'-]+", text.lower().replace("’", "'"))
