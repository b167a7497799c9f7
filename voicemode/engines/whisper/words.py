"""Word timing, and grouping of words into subtitle cues. Pure: no audio, no model."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from textwrap import wrap

from voicemode.engines.whisper.transcript import TimedWord

STEP_SECONDS = 0.02
"""Duration of an encoder step, and of an entry of `loud`."""
UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "km", "bo"})
"""Languages written without spaces between words: every character counts as a word."""
OPENING = frozenset("\"'“¿([{-«「『")
CLOSING = frozenset("\"'.,!?:”)]}»-" + "\u3001\u3002\uff0c\uff01\uff1f\uff1a\u300d\u300f")  # the latter Chinese and Japanese
SENTENCE_ENDS = (".", "?", "!", "…", "\u3002", "\uff01", "\uff1f")
PHRASE_ENDS = (*SENTENCE_ENDS, ",", ";", ":")
LINE_CHARACTERS = 42
CUE_LINES = 2
CUE_SECONDS = 7.0
LEAST_CUE_SECONDS = 1.0
JOINED_SECONDS = 2.0
"""Silence across which cues are not joined."""
ONSET_STEPS = 3
"""Fewer steps of sound at the end of a word, after a pause, are the onset of the next word."""
PAUSE_SECONDS = 0.8
"""A silence of this length between two words ends a cue."""
QUIET_SECONDS = 0.2
"""Shorter silences at the edge of a word belong to it."""

Piece = tuple[str, list[int]]
"""Whole characters, and the tokens that encode them."""


def words_of(pieces: Iterable[Piece], steps: Sequence[tuple[int, int]], language: str) -> list[TimedWord]:
    """Return the words that `pieces` form, timed from the start of the audio.

    `steps` are pairs (token index, encoder step aligned with it), both ascending; the index after the last token stands
    for the end of the text.
    """
    starts = token_starts(steps)
    words: list[TimedWord] = []
    number = 0
    for text, tokens in pieces:
        begin, end = (starts[min(at, len(starts) - 1)] for at in (number, number + len(tokens)))
        number += len(tokens)
        piece = TimedWord(text, begin, end, tuple(tokens))
        if words and continues(words[-1], text, language):
            words[-1] = joined(words[-1], piece)
        else:
            words.append(piece)
    return words


def token_starts(steps: Sequence[tuple[int, int]]) -> list[float]:
    """Return the start of each token in seconds."""
    starts: dict[int, float] = {}
    for token, step in steps:
        starts.setdefault(token, step * STEP_SECONDS)
    return [starts[token] for token in sorted(starts)] or [0.0]


def continues(word: TimedWord, text: str, language: str) -> bool:
    """True if the piece `text` belongs to `word`."""
    if text.startswith(" "):
        return not text.strip()
    only_punctuation = set(text) <= CLOSING or set(word.text.strip()) <= OPENING
    return only_punctuation or language not in UNSPACED


def joined(first: TimedWord, second: TimedWord) -> TimedWord:
    return TimedWord(first.text + second.text, first.start_seconds, second.end_seconds, first.tokens + second.tokens)


def tightened(words: Iterable[TimedWord], loud: Sequence[bool]) -> list[TimedWord]:
    """Trim silence from `words`: an alignment assigns every pause to an adjacent word.

    `loud` is true for each step of the audio with sound. A word with sound on both sides of a pause was spoken after
    the pause, as alignments end words too early, unless it ends a phrase or hardly any sound follows the pause.
    """
    tight: list[TimedWord] = []
    for word in words:
        sounds = sounds_in(word, loud)
        before = len(sounds) < 2 or len(sounds[-1]) < ONSET_STEPS or word.text.endswith(PHRASE_ENDS)
        if tight and not before:
            tight[-1] = replace(tight[-1], end_seconds=sounds[0].stop * STEP_SECONDS)
        tight.append(within(word, sounds[0 if before else -1]) if sounds else word)
    return tight


def sounds_in(word: TimedWord, loud: Sequence[bool]) -> list[range]:
    """Return the steps of `word` from the first sound to the last, split at pauses."""
    first, last = (round(seconds / STEP_SECONDS) for seconds in (word.start_seconds, word.end_seconds))
    sounds: list[range] = []
    for step in range(first, min(last, len(loud))):
        if loud[step]:
            near = sounds and (step - sounds[-1].stop) * STEP_SECONDS < PAUSE_SECONDS
            begin = sounds.pop().start if near else step
            sounds.append(range(begin, step + 1))
    return sounds


def within(word: TimedWord, sound: range) -> TimedWord:
    """Return `word` trimmed to `sound`, but for short silences at its edges."""
    start, end = sound.start * STEP_SECONDS, sound.stop * STEP_SECONDS
    return replace(
        word,
        start_seconds=start if start - word.start_seconds >= QUIET_SECONDS else word.start_seconds,
        end_seconds=end if word.end_seconds - end >= QUIET_SECONDS else word.end_seconds,
    )


def cues(words: Iterable[TimedWord]) -> list[list[TimedWord]]:
    """Group `words` into subtitle cues: sentences, or phrases between two pauses, split where they are too long.

    A single word, or a cue too short to read, is joined with a neighbour where the result fits.
    """
    joined: list[list[TimedWord]] = []
    for cue in chain.from_iterable(map(pieces_of, phrases(words))):
        if joined and (hasty(joined[-1], cue) or len(cue) == 1) and may_join(joined[-1], cue):
            joined[-1] += cue
        else:
            joined.append(cue)
    return joined


def phrases(words: Iterable[TimedWord]) -> Iterator[list[TimedWord]]:
    """Yield `words` in groups that end with a sentence or at a pause."""
    phrase: list[TimedWord] = []
    for word in words:
        if phrase and (ends_sentence(phrase[-1]) or word.start_seconds - phrase[-1].end_seconds >= PAUSE_SECONDS):
            yield phrase
            phrase = []
        phrase.append(word)
    if phrase:
        yield phrase


def ends_sentence(word: TimedWord) -> bool:
    return word.text.rstrip("\"'”»\u300d\u300f)").endswith(SENTENCE_ENDS)


def pieces_of(phrase: Sequence[TimedWord]) -> list[list[TimedWord]]:
    """Split `phrase` where a cue is full; the last piece gets a second word if the piece before can spare one."""
    pieces: list[list[TimedWord]] = [[]]
    for word in phrase:
        if pieces[-1] and not fits([*pieces[-1], word]):
            pieces.append([])
        pieces[-1].append(word)
    if len(pieces) > 1 and len(pieces[-1]) == 1 and len(pieces[-2]) > 2 and fits([pieces[-2][-1], *pieces[-1]]):
        pieces[-1].insert(0, pieces[-2].pop())
    return pieces


def fits(words: Sequence[TimedWord]) -> bool:
    """True if `words` are few and fast enough for one cue."""
    text = "".join(word.text for word in words)
    return len(lines_of(text)) <= CUE_LINES and words[-1].end_seconds - words[0].start_seconds <= CUE_SECONDS


def lines_of(text: str) -> list[str]:
    """Wrap `text` into as few lines as possible; two lines get about the same length."""
    lines = wrap(text, LINE_CHARACTERS)
    if len(lines) != CUE_LINES:
        return lines
    tries = (wrap(text, width) for width in range(len(text) // CUE_LINES, LINE_CHARACTERS))
    return next((lines for lines in tries if len(lines) == CUE_LINES), lines)


def hasty(cue: Sequence[TimedWord], following: Sequence[TimedWord]) -> bool:
    """True if `cue` is a single word, or too short to read before `following` begins."""
    return len(cue) == 1 or following[0].start_seconds - cue[0].start_seconds < LEAST_CUE_SECONDS


def may_join(cue: Sequence[TimedWord], following: Sequence[TimedWord]) -> bool:
    near = following[0].start_seconds - cue[-1].end_seconds < JOINED_SECONDS
    return near and fits([*cue, *following])
