"""Reads stretches of speech with an encoder window as short as the speech allows.

Whisper pads everything to 30 s. Encoding only the speech and 4 s after it is two to four times faster for a typical
turn, at the same word error rate as long as the result is checked and, where it looks wrong, the full window is used.
Whatever the window, Whisper may leave out something that is said and be sure of the rest: then it is read apart.
"""

import math
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import ctranslate2
import numpy as np

from voicemode.audio.turns.log_mel import FRAMES_PER_SECOND, Floats, log_mel
from voicemode.engines.whisper.missed import Steps, missed, wordless
from voicemode.engines.whisper.split import Stretch, has_speech
from voicemode.engines.whisper.transcript import Options, Segment, TimedWord
from voicemode.engines.whisper.vocabulary import Vocabulary
from voicemode.engines.whisper.words import Piece, cues, tightened, words_of

BEAM = 5
FULL_WINDOW = 30 * FRAMES_PER_SECOND
MARGIN_SECONDS = 4.0
"""What the encoder must see beyond the end of the speech; with less, the decoder loops."""
LEAST_SECONDS = 11.5
"""The shortest window that reads well. 30 is what Whisper was trained on, and twice as slow."""
MOST_TOKENS = 220
LOOPING_RATIO = 2.4
"""Text that compresses better than this repeats itself."""
TRUSTED_SCORE = -0.4
"""Mean log probability of a token below which the full window is asked, too: one clip in ten."""
SILENT_SCORE = -1.0
SILENT_NO_SPEECH = 0.6
"""Both together are silence, as in OpenAI's own decoder."""
DOUBT_SCORE = -0.9
DOUBT_NO_SPEECH = 0.3
"""Beyond these a voice detector is asked. Speech measures -0.75 to 0 and 0 to 0.11, noise -1.2 to -3.6 and 0.4 to 1."""
RESCUE_TEMPERATURE = 0.6
"""Breaks a loop that even the full window does not."""
UNINTELLIGIBLE_SECONDS = 0.5
"""So much of what has no words must be a voice."""
MOST_CUTS = 3
"""Of a stretch, one within the other: sung notes, for one, look like words left out wherever they are cut."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Encoder output of a stretch: half of the work for a short one, so it is done once."""

    features: Any
    window: int
    """Frames it saw."""
    seconds: float
    """Length of the stretch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reading of a stretch."""

    encoded: Encoded
    """Kept for timing the words."""
    language: str
    """ISO 639-1 code."""
    tokens: list[int]
    text: str
    cut_off: bool
    """The text was longer than such speech can be."""
    score: float
    no_speech: float
    temperature: float

    @property
    def ratio(self) -> float:
        """Compression ratio of the text."""
        data = self.text.encode()
        return len(data) / len(zlib.compress(data))

    @property
    def looping(self) -> bool:
        return self.cut_off or self.ratio > LOOPING_RATIO

    @property
    def trusted(self) -> bool:
        return not self.looping and self.score >= TRUSTED_SCORE

    @property
    def doubtful(self) -> bool:
        """Perhaps nobody spoke."""
        return self.no_speech > DOUBT_NO_SPEECH or self.score < DOUBT_SCORE

    @property
    def understood(self) -> "Reading":
        """This reading, without a text that is no better than a guess."""
        guessed = self.no_speech > SILENT_NO_SPEECH and self.score < SILENT_SCORE
        return replace(self, text="", tokens=[]) if guessed or not self.text.strip() else self

    def segment(self, start_seconds: float, seconds: float) -> Segment:
        """All of it as one segment."""
        return Segment(
            start_seconds=start_seconds,
            end_seconds=start_seconds + seconds,
            text=self.text,
            tokens=tuple(self.tokens),
            language=self.language,
            temperature=self.temperature,
            avg_logprob=self.score,
            compression_ratio=self.ratio,
            no_speech_prob=self.no_speech,
        )

    def cue(self, words: Sequence[TimedWord]) -> Segment:
        """The part of it that `words` are."""
        start = words[0].start_seconds
        return replace(
            self.segment(start, words[-1].end_seconds - start),
            text="".join(word.text for word in words),
            tokens=tuple(token for word in words for token in word.tokens),
            words=tuple(words),
        )


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch in which somebody speaks, and what was read there."""

    stretch: Stretch
    heard: Reading
    steps: Steps
    """When each token was heard; of a translation that nobody wants timed, nothing."""
    loud: Sequence[bool]
    """For each step of the stretch, whether there is sound in it."""

    def words(self, pieces: Iterable[Piece]) -> list[TimedWord]:
        """The words that `pieces` make, with the time they were said."""
        words = tightened(words_of(pieces, self.steps, self.heard.language), self.loud)
        return [word.later(self.stretch.start_seconds) for word in words]

    def unintelligible(self) -> Iterator[Segment]:
        """The parts in which somebody speaks and no word was read, as segments without a text."""
        for span in wordless(self.steps, self.loud):
            part = self.stretch.part(span.start, span.stop)
            if has_speech(part.pcm, UNINTELLIGIBLE_SECONDS):
                yield Segment(
                    start_seconds=part.start_seconds,
                    end_seconds=part.start_seconds + part.seconds,
                    text="",
                    language=self.heard.language,
                )


@dataclass(frozen=True, slots=True)
class Weights:
    """What a model knows; nothing of it changes."""

    model: Any
    """CTranslate2's."""
    vocabulary: Vocabulary
    filters: Floats
    least_seconds: float
    """The shortest window that is encoded."""


class Reader:
    """Reads one recording."""

    def __init__(self, weights: Weights, options: Options, cancelled: threading.Event, give_way: Callable[[], None]) -> None:
        self._model = weights.model
        self._vocabulary = weights.vocabulary
        self._filters = weights.filters
        self._least_seconds = weights.least_seconds
        self._options = options
        self._cancelled = cancelled
        self._give_way = give_way
        self._before_step = nothing

    def use(self, model: Any) -> None:
        """Read the stretches to come with `model`, of the same weights."""
        self._model = model

    def read(self, stretch: Stretch) -> Iterator[Segment]:
        """Segments of `stretch`; nothing for silence and noise."""
        if stretch.start_seconds:
            # So much is no turn of a conversation.
            self._before_step = self._give_way
        encoded = self._encode(stretch)
        asked = replace(self._options, language=self._options.language or self._detect(encoded))
        for passage in self._passages(stretch, encoded, asked, MOST_CUTS):
            if passage.heard.text:
                # What is spoken where somebody speaks for the first time holds for the rest.
                self._options = asked
                yield from self._segments(passage)
            if not asked.translate:
                yield from passage.unintelligible()

    def _detect(self, encoded: Encoded) -> str:
        if not self._model.is_multilingual:
            return "en"
        token, _probability = self._model.detect_language(encoded.features)[0][0]
        return str(token).strip("<|>")

    def _passages(self, stretch: Stretch, encoded: Encoded, asked: Options, cuts: int) -> list[Passage]:
        """Read `stretch`, in parts if Whisper leaves some of it out otherwise; nothing if nobody speaks in it."""
        heard = self._best(stretch, encoded, asked)
        if heard is None:
            return []
        whole = Passage(stretch, heard, self._steps(stretch, heard, asked), stretch.loud())
        # A translation comes in another order than what was said: nothing can be aligned.
        parts = parts_of(whole) if cuts and not asked.translate else ()
        read = [self._passages(part, self._encode(part), asked, cuts - 1) for part in parts if not self._cancelled.is_set()]
        return max([whole], list(chain.from_iterable(read)), key=letters)

    def _best(self, stretch: Stretch, encoded: Encoded, asked: Options) -> Reading | None:
        """The best reading of `stretch` as a whole; None if nobody speaks in it."""
        heard = self._read(encoded, asked)
        if (heard.doubtful or not heard.text.strip()) and not has_speech(stretch.pcm):
            return None
        if not heard.trusted and encoded.window < FULL_WINDOW:
            encoded = self._encode(stretch, FULL_WINDOW)
            heard = self._read(encoded, asked)
        if heard.looping:
            heard = min(heard, self._read(encoded, otherwise(asked)), key=lambda each: each.ratio)
        return heard.understood

    def _read(self, encoded: Encoded, asked: Options) -> Reading:
        prompt = self._vocabulary.prompt(self._start(asked), asked.prompt)
        limit = MOST_TOKENS if encoded.window == FULL_WINDOW else most_tokens(encoded.seconds)
        self._before_step()
        result = self._model.generate(
            encoded.features,
            [prompt],
            max_length=len(prompt) + limit,
            return_scores=True,
            return_no_speech_prob=True,
            **search(asked.temperature),
        )[0]
        tokens = self._vocabulary.text_only(result.sequences_ids[0])
        return Reading(
            encoded=encoded,
            language=asked.language,
            tokens=tokens,
            text=self._vocabulary.decode(tokens),
            cut_off=len(tokens) >= limit - 1,
            score=result.scores[0],
            no_speech=result.no_speech_prob,
            temperature=asked.temperature,
        )

    def _encode(self, stretch: Stretch, window: int = 0) -> Encoded:
        """`window` 0 is as short as `stretch` allows."""
        window = window or reduced_window(stretch.seconds, self._least_seconds)
        mel = log_mel(stretch.samples, window, self._filters)
        self._before_step()
        features = self._model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[None])))
        return Encoded(features, window, stretch.seconds)

    def _start(self, asked: Options) -> list[int]:
        return self._vocabulary.start(asked.language if self._model.is_multilingual else "", translate=asked.translate)

    def _segments(self, passage: Passage) -> Iterator[Segment]:
        stretch, heard = passage.stretch, passage.heard
        if self._options.timed:
            for cue in cues(passage.words(self._vocabulary.pieces(heard.tokens))):
                yield heard.cue(cue)
        else:
            yield heard.segment(stretch.start_seconds, stretch.seconds)

    def _steps(self, stretch: Stretch, heard: Reading, asked: Options) -> Steps:
        frames = max(2, math.ceil(stretch.seconds * FRAMES_PER_SECOND))
        if not heard.tokens:
            return [(0, step) for step in range(frames // 2)]
        if asked.translate and not asked.timed:
            return []
        self._before_step()
        aligned = self._model.align(heard.encoded.features, self._start(asked), [heard.tokens], frames)
        steps: Steps = aligned[0].alignments
        return steps


def nothing() -> None:
    """Do nothing."""


def parts_of(whole: Passage) -> tuple[Stretch, ...]:
    """The stretch of `whole`, cut so that what was left out is read by itself; nothing if nothing was."""
    at = missed(whole.steps, whole.loud)
    parts = () if at is None else whole.stretch.cut(at)
    return parts if all(has_speech(part.pcm) for part in parts) else ()


def letters(passages: Sequence[Passage]) -> int:
    """Count the letters read. Marks do not count: where a sentence is cut, Whisper puts a full stop."""
    return sum(character.isalnum() for passage in passages for character in passage.heard.text)


def reduced_window(seconds: float, least_seconds: float = LEAST_SECONDS) -> int:
    """Frames the encoder should see of a recording of `seconds`; an even number."""
    return min(FULL_WINDOW, 2 * math.ceil(max(seconds + MARGIN_SECONDS, least_seconds) * FRAMES_PER_SECOND / 2))


def most_tokens(seconds: float) -> int:
    """More tokens than anybody says in `seconds`."""
    return min(MOST_TOKENS, int(12 + 6.5 * seconds))


def otherwise(asked: Options) -> Options:
    """Return other search options after a loop: without the prompt that may have started it, or with some chance."""
    return replace(asked, prompt="") if asked.prompt else replace(asked, temperature=RESCUE_TEMPERATURE)


def search(temperature: float) -> dict[str, Any]:
    """Return the decoder's search options."""
    if temperature == 0:
        return {"beam_size": BEAM}
    return {"beam_size": 1, "sampling_topk": 0, "sampling_temperature": temperature}
