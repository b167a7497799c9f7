"""Cutting text for synthesis. Pure: no clock, no engine; everything is counted in phoneme symbols.

Speech begins with a short chunk, so that it begins soon. Each later chunk is a sentence, or as much of one as can be
made while what is already there is heard.
"""

import re
import textwrap
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate

from voicemode.errors import VoiceModeError

FIRST = 26
"""Symbols of the first chunk: four to six words."""
WHOLE = 44
"""Symbols, about nine words, up to which a sentence is not cut: it gains less than its melody is worth."""
SMALLEST = 14
"""Symbols of a part of a sentence; a shorter one is read like a word in a list."""
LARGEST = 200
"""Symbols of any chunk. The model could do 510, with twice the memory."""
LONGEST_SENTENCE = 400
"""Characters."""
SLACK = 1.2
"""What a chunk may exceed its size by, to end where it should."""

SPOKEN_SECONDS = 0.053
"""Speech in one symbol, at speed 1."""
WORK_SECONDS = 0.023
"""Work for one symbol, on two slow cores."""
START_SECONDS = 0.5
"""Work for any chunk before its first symbol, on two slow cores."""

SENTENCE_PAUSE_SECONDS = 0.25
CLAUSE_PAUSE_SECONDS = 0.1

ENDS = frozenset(".!?…")
MARKS = ENDS | frozenset(",;:—")

_CONJUNCTIONS = """
and or but nor so because if when while where which who that than until unless although though since whether
"""
_PREPOSITIONS = """
about above across after against along among around as at before behind below beneath beside between beyond by during for
from in inside into like near of off on onto over past per through to toward towards under upon via with within without
"""
_AUXILIARIES = """
is are was were be been am has have had do does did will would can could shall should may might must
"""
_DETERMINERS = """
a an the my your his her its our their this these those some any no every each both all another one two three
"""
_OTHERS = """
not very too quite i you he she it we they let's there what how why dr mr mrs ms st
"""
_LINKS = frozenset((_CONJUNCTIONS + _PREPOSITIONS + _AUXILIARIES).split())
"""Words that open a phrase: better to stop before one of these."""
_LEADING = _LINKS | frozenset((_DETERMINERS + _OTHERS).split())
"""Words that belong to what follows: better not to stop after one of these."""
_NAMING = frozenset(_DETERMINERS.split())
"""Words after which two more may belong together: "the dark blue"."""

_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+")
_OPEN_END = re.compile(r"(?<=[\w\"'”’)\]%])[ \t]*$", re.MULTILINE)


class Cut(IntEnum):
    """Quality of a cut after a word."""

    AWKWARD = 0
    POSSIBLE = 1
    PHRASE = 2
    CLAUSE = 3
    SENTENCE = 4


@dataclass(frozen=True, slots=True)
class WrittenWord:
    """A word with the punctuation around it."""

    text: str
    sound: str
    """Its symbols."""

    @property
    def bare(self) -> str:
        """The word alone, in small letters."""
        return self.text.strip(".,;:!?\"'“”‘’()[]").lower()

    @property
    def mark(self) -> str:
        """The punctuation it is spoken with; empty is none."""
        end = self.sound.rstrip('"()“”')[-1:]
        return end if end in MARKS else ""


class NothingToSayError(VoiceModeError):
    """The text has nothing that can be pronounced."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Text synthesised in one go."""

    sound: str
    """Symbols."""
    pause_seconds: float
    """Silence before the next chunk, at speed 1."""


def sentences(text: str) -> Iterator[str]:
    """`text` in sentences. A line that ends without punctuation is one too: headings, items of a list.

    An abbreviation may end one as well: whether it really does is for its pronunciation to say. What goes on for longer
    than anybody speaks is broken, so that nothing waits for the pronunciation of all of it.
    """
    for line in _OPEN_END.sub(".", text).splitlines():
        for part in _SENTENCE.split(line):
            yield from textwrap.wrap(part, LONGEST_SENTENCE, break_long_words=False, break_on_hyphens=False)


def plan(words: Iterable[WrittenWord], *, speed: float = 1.0, model_speed: float = 1.0) -> Iterator[Chunk]:
    """`words` in chunks, looking ahead no further than it must.

    `speed` is that of the speech, `model_speed` the one it is made at: the faster, the less work.
    """
    source, ahead = iter(words), deque[WrittenWord]()
    allowed, lead_seconds = FIRST, 0.0
    while look_ahead(ahead, source):
        count = best_cut(ahead, allowed)
        chunk = join_words([ahead.popleft() for _ in range(count)])
        lead_seconds = max(0.0, lead_seconds - work_seconds(chunk, model_speed)) + spoken_seconds(chunk, speed)
        allowed = int((lead_seconds - START_SECONDS) * model_speed / WORK_SECONDS)
        yield chunk


def look_ahead(ahead: deque[WrittenWord], source: Iterator[WrittenWord]) -> bool:
    """Have the largest chunk there could be in `ahead`, and a word more; false if nothing is left."""
    size = sum(len(word.sound) + 1 for word in ahead)
    while size <= LARGEST and (word := next(source, None)):
        ahead.append(word)
        size += len(word.sound) + 1
    return bool(ahead)


def spoken_seconds(chunk: Chunk, speed: float) -> float:
    return (len(chunk.sound) * SPOKEN_SECONDS + chunk.pause_seconds) / speed


def work_seconds(chunk: Chunk, speed: float) -> float:
    return START_SECONDS + len(chunk.sound) * WORK_SECONDS / speed


def best_cut(words: Sequence[WrittenWord], allowed: int) -> int:
    """Return the number of `words` in the next chunk: a sentence, or about `allowed` symbols of it.

    Where that would tear a phrase it takes more: a gap is better between phrases than no gap within one.
    """
    sizes = list(accumulate(len(word.sound) + 1 for word in words))
    end = sentence_end(words, sizes)
    if sizes[end] <= max(allowed * SLACK, WHOLE):
        return end + 1
    naturals = {index: natural(words, index) for index in range(end) if sizes[index] >= SMALLEST <= sizes[end] - sizes[index]}
    fair = [index for index, cut in naturals.items() if cut > Cut.AWKWARD and sizes[index] <= LARGEST]
    fitting = [index for index in fair if sizes[index] <= allowed * SLACK]
    if fitting:
        return max(fitting, key=lambda index: (naturals[index], index)) + 1
    return (fair or [end])[0] + 1


def natural(words: Sequence[WrittenWord], index: int) -> Cut:
    """Rate a cut after `words[index]`, which is not the last."""
    word = words[index]
    if word.mark:
        return Cut.SENTENCE if word.mark in ENDS else Cut.CLAUSE
    if word.bare in _LEADING:
        return Cut.AWKWARD
    if words[index + 1].bare in _LINKS:
        return Cut.PHRASE
    return Cut.AWKWARD if index and words[index - 1].bare in _NAMING else Cut.POSSIBLE


def sentence_end(words: Sequence[WrittenWord], sizes: Sequence[int]) -> int:
    """The index of the last word of the first sentence; an exclamation like "Sure!" is taken together with the next."""
    ends = (index for index, word in enumerate(words) if word.mark in ENDS and sizes[index] >= SMALLEST - 2)
    return next(ends, len(words) - 1)


def join_words(words: Sequence[WrittenWord]) -> Chunk:
    mark = words[-1].mark
    pause = SENTENCE_PAUSE_SECONDS if mark in ENDS else CLAUSE_PAUSE_SECONDS if mark else 0.0
    return Chunk(" ".join(word.sound for word in words), pause)
