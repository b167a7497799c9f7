"""When each word was said, and the words grouped into what fits a subtitle. Pure: no audio, no model."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from voicemode.engines.whisper.transcript import TimedWord

STEP_SECONDS = 0.02
"""The encoder's resolution, and that of `loud`."""
UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "km", "bo"})
"""Languages written without spaces between words: every character counts as one."""
OPENING = frozenset("\"'“¿([{-«「『")
CLOSING = frozenset("\"'.,!?:”)]}»-" + "\u3001\u3002\uff0c\uff01\uff1f\uff1a\u300d\u300f")  # the latter Chinese and Japanese
SENTENCE_ENDS = (".", "?", "!", "…", "\u3002", "\uff01", "\uff1f")
CUE_CHARACTERS = 84
"""Two lines of a subtitle."""
CUE_SECONDS = 7.0
PAUSE_SECONDS = 0.8
"""A silence of this length between two words ends a cue."""
QUIET_SECONDS = 0.2
"""Shorter silences at the edge of a word belong to it."""

Piece = tuple[str, list[int]]
"""Whole characters, and the tokens they are made of."""


def words_of(pieces: Iterable[Piece], steps: Sequence[tuple[int, int]], language: str) -> list[TimedWord]:
    """The words that `pieces` make, timed from the start of the audio.

    `steps` are pairs (number of a token, encoder step it was heard at), both ascending; the number after the last token
    stands for the end of the text.
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
    """Seconds at which each token begins."""
    starts: dict[int, float] = {}
    for token, step in steps:
        starts.setdefault(token, step * STEP_SECONDS)
    return [starts[token] for token in sorted(starts)] or [0.0]


def continues(word: TimedWord, text: str, language: str) -> bool:
    """Does the piece `text` belong to `word`?"""
    if text.startswith(" "):
        return not text.strip()
    only_punctuation = set(text) <= CLOSING or set(word.text.strip()) <= OPENING
    return only_punctuation or language not in UNSPACED


def joined(first: TimedWord, second: TimedWord) -> TimedWord:
    return TimedWord(first.text + second.text, first.start_seconds, second.end_seconds, first.tokens + second.tokens)


def tightened(word: TimedWord, loud: Sequence[bool]) -> TimedWord:
    """`word` without the silence at its edges: an alignment gives every pause to one of the words beside it.

    `loud` says for each step of the audio whether there is sound in it.
    """
    first, last = (round(seconds / STEP_SECONDS) for seconds in (word.start_seconds, word.end_seconds))
    sounding = [step for step in range(first, min(last, len(loud))) if loud[step]]
    if not sounding:
        return word
    start, end = sounding[0] * STEP_SECONDS, (sounding[-1] + 1) * STEP_SECONDS
    return replace(
        word,
        start_seconds=start if start - word.start_seconds >= QUIET_SECONDS else word.start_seconds,
        end_seconds=end if word.end_seconds - end >= QUIET_SECONDS else word.end_seconds,
    )


def cues(words: Iterable[TimedWord]) -> Iterator[list[TimedWord]]:
    """`words` in groups that end with a sentence, at a pause, or where a subtitle is full."""
    cue: list[TimedWord] = []
    for word in words:
        if cue and ends_before(cue, word):
            yield cue
            cue = []
        cue.append(word)
    if cue:
        yield cue


def ends_before(cue: Sequence[TimedWord], word: TimedWord) -> bool:
    return (
        cue[-1].text.rstrip("\"'”»\u300d\u300f)").endswith(SENTENCE_ENDS)
        or word.start_seconds - cue[-1].end_seconds >= PAUSE_SECONDS
        or word.end_seconds - cue[0].start_seconds > CUE_SECONDS
        or sum(len(each.text) for each in cue) + len(word.text) > CUE_CHARACTERS
    )
