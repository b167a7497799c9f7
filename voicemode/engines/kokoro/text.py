"""Splitting of text for synthesis. Pure: no clock, no engine; sizes are in phoneme symbols.

The first chunk is short so that speech starts soon. Each later chunk is a sentence, or as much of one as can be
synthesised while earlier chunks are playing.
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
"""Symbols in the first chunk: four to six words."""
WHOLE = 44
"""Symbols (about nine words) up to which a sentence is not cut: an earlier start is not worth the broken intonation."""
SMALLEST = 14
"""Fewest symbols in a part of a sentence; a shorter part sounds like a word in a list."""
LARGEST = 200
"""About the most symbols in a chunk. The model accepts 510, with twice the memory."""
LONGEST_SENTENCE = 400
"""Characters after which a sentence is broken."""
SLACK = 1.2
"""Factor by which a chunk can exceed its size to end at a better place."""

SPOKEN_SECONDS = 0.053
"""Seconds of speech per symbol, at speed 1."""
WORK_SECONDS = 0.023
"""Seconds of synthesis per symbol, on two slow cores."""
START_SECONDS = 0.5
"""Seconds of synthesis per chunk, besides its symbols, on two slow cores."""

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
"""Words that open a phrase: a cut before one of them is good."""
_LEADING = _LINKS | frozenset((_DETERMINERS + _OTHERS).split())
"""Words that belong to the next word: a cut after one of them is bad."""
_NAMING = frozenset(_DETERMINERS.split())
"""Words after which the next two can belong together: "the dark blue"."""

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
    """Phoneme symbols of the word."""

    @property
    def bare(self) -> str:
        """The word without punctuation, in lower case."""
        return self.text.strip(".,;:!?\"'“”‘’()[]").lower()

    @property
    def mark(self) -> str:
        """The punctuation mark at the end of its sound; empty if there is none."""
        end = self.sound.rstrip('"()“”')[-1:]
        return end if end in MARKS else ""


class NothingToSayError(VoiceModeError):
    """The text has nothing to pronounce."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Text synthesised in one run of the model."""

    sound: str
    """Phoneme symbols of the chunk."""
    pause_seconds: float
    """Silence before the next chunk, at speed 1."""


def sentences(text: str) -> Iterator[str]:
    """Split `text` into sentences. A line without a final punctuation mark is one too: headings, list items.

    Text is also split after abbreviations; their pronunciation decides whether a chunk ends there. Overlong sentences
    are broken, so that the first chunk does not wait for the pronunciation of all of them.
    """
    for line in _OPEN_END.sub(".", text).splitlines():
        for part in _SENTENCE.split(line):
            yield from textwrap.wrap(part, LONGEST_SENTENCE, break_long_words=False, break_on_hyphens=False)


def plan(words: Iterable[WrittenWord], *, speed: float = 1.0, model_speed: float = 1.0) -> Iterator[Chunk]:
    """Yield `words` in chunks, with the least possible look-ahead.

    `speed` is the speed of the speech, `model_speed` the speed of the model: the faster, the less work.
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
    """Fill `ahead` with the largest possible chunk and one word more; return False if no word is left."""
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

    To keep a phrase whole, the chunk gets longer: a gap between phrases is better than a break within one.
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
    """Return the index of the last word of the first sentence; a short one like "Sure!" is joined with the next."""
    ends = (index for index, word in enumerate(words) if word.mark in ENDS and sizes[index] >= SMALLEST - 2)
    return next(ends, len(words) - 1)


def join_words(words: Sequence[WrittenWord]) -> Chunk:
    mark = words[-1].mark
    pause = SENTENCE_PAUSE_SECONDS if mark in ENDS else CLAUSE_PAUSE_SECONDS if mark else 0.0
    return Chunk(" ".join(word.sound for word in words), pause)
