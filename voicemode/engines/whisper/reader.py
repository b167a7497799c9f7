"""Recognition of speech with an encoder window as short as the speech allows.

Whisper pads all audio to 30 s. Encoding only the speech and 4 s after it is two to four times faster for a typical
turn, at the same word error rate provided that each result is checked and a suspect one decoded with the full window.
With any window, Whisper can leave out speech and be confident of the rest: the missed part is then read separately.
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
"""Seconds the encoder must see beyond the end of the speech; with less, the decoder loops."""
LEAST_SECONDS = 11.5
"""Shortest window with good results. Whisper was trained on 30 s, which takes twice as long."""
MOST_TOKENS = 220
LOOPING_RATIO = 2.4
"""Compression ratio above which a text repeats itself."""
TRUSTED_SCORE = -0.4
"""Mean log probability of a token below which the full window is decoded too: one clip in ten."""
SILENT_SCORE = -1.0
SILENT_NO_SPEECH = 0.6
"""Thresholds that together mean silence, as in OpenAI's own decoder."""
DOUBT_SCORE = -0.9
DOUBT_NO_SPEECH = 0.3
"""Beyond either, a voice detector decides. Speech measures -0.75 to 0 and 0 to 0.11, noise -1.2 to -3.6 and 0.4 to 1."""
RESCUE_TEMPERATURE = 0.6
"""Sampling temperature against a loop that persists with the full window."""
UNINTELLIGIBLE_SECONDS = 0.5
"""Least seconds of voice in a wordless part that is reported as unintelligible speech."""
MOST_CUTS = 3
"""Most nested cuts of a stretch. Sung notes, for example, look like missed words wherever they are cut."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Encoder output of a stretch, reused because encoding a short stretch is half of the work."""

    features: Any
    window: int
    """Spectrogram frames in the encoder's window."""
    seconds: float
    """Duration of the stretch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Result of decoding a stretch once."""

    encoded: Encoded
    """Encoder output, kept for timing the words."""
    language: str
    """ISO 639-1 code."""
    tokens: list[int]
    text: str
    cut_off: bool
    """True if the text is longer than speech of this duration can be."""
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
        """True if perhaps nobody spoke."""
        return self.no_speech > DOUBT_NO_SPEECH or self.score < DOUBT_SCORE

    @property
    def understood(self) -> "Reading":
        """This reading, with its text removed if that is no better than a guess."""
        guessed = self.no_speech > SILENT_NO_SPEECH and self.score < SILENT_SCORE
        return replace(self, text="", tokens=[]) if guessed or not self.text.strip() else self

    def segment(self, start_seconds: float, seconds: float) -> Segment:
        """Return the whole reading as one segment."""
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
        """Return the segment that consists of `words`."""
        start = words[0].start_seconds
        return replace(
            self.segment(start, words[-1].end_seconds - start),
            text="".join(word.text for word in words),
            tokens=tuple(token for word in words for token in word.tokens),
            words=tuple(words),
        )


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch with speech, and its reading."""

    stretch: Stretch
    heard: Reading
    steps: Steps
    """Encoder steps of each token; empty for a translation without timestamps."""
    loud: Sequence[bool]
    """True for each step of the stretch with sound."""

    def words(self, pieces: Iterable[Piece]) -> list[TimedWord]:
        """Return the words that `pieces` form, timed from the start of the recording."""
        words = tightened(words_of(pieces, self.steps, self.heard.language), self.loud)
        return [word.later(self.stretch.start_seconds) for word in words]

    def unintelligible(self) -> Iterator[Segment]:
        """Yield the parts with speech but no recognised word, as segments without a text."""
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
    """A loaded model and its constant data."""

    model: Any
    """CTranslate2's Whisper model."""
    vocabulary: Vocabulary
    filters: Floats
    least_seconds: float
    """Shortest window to encode."""


class Reader:
    """Reads one recording, stretch by stretch."""

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
        """Yield the segments of `stretch`; none for silence and noise."""
        if stretch.start_seconds:
            # A recording of several stretches is no conversational turn.
            self._before_step = self._give_way
        encoded = self._encode(stretch)
        asked = replace(self._options, language=self._options.language or self._detect(encoded))
        for passage in self._passages(stretch, encoded, asked, MOST_CUTS):
            if passage.heard.text:
                # The language of the first speech applies to the rest.
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
        """Read `stretch`, in parts where Whisper would leave speech out; return an empty list if it has no speech."""
        heard = self._best(stretch, encoded, asked)
        if heard is None:
            return []
        whole = Passage(stretch, heard, self._steps(stretch, heard, asked), stretch.loud())
        # The word order of a translation differs from the speech: it cannot be aligned.
        parts = parts_of(whole) if cuts and not asked.translate else ()
        read = [self._passages(part, self._encode(part), asked, cuts - 1) for part in parts if not self._cancelled.is_set()]
        return max([whole], list(chain.from_iterable(read)), key=letters)

    def _best(self, stretch: Stretch, encoded: Encoded, asked: Options) -> Reading | None:
        """Return the best reading of `stretch` as a whole; None if it has no speech."""
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
        """Encode `stretch`; a `window` of 0 is as short as `stretch` allows."""
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
    """Return the stretch of `whole`, cut to isolate missed speech; empty if none was missed or a part has no speech."""
    at = missed(whole.steps, whole.loud)
    parts = () if at is None else whole.stretch.cut(at)
    return parts if all(has_speech(part.pcm) for part in parts) else ()


def letters(passages: Sequence[Passage]) -> int:
    """Count letters and digits. Punctuation does not count: Whisper adds a full stop where a sentence is cut."""
    return sum(character.isalnum() for passage in passages for character in passage.heard.text)


def reduced_window(seconds: float, least_seconds: float = LEAST_SECONDS) -> int:
    """Return the encoder window, in frames, for a recording of `seconds`; an even number."""
    return min(FULL_WINDOW, 2 * math.ceil(max(seconds + MARGIN_SECONDS, least_seconds) * FRAMES_PER_SECOND / 2))


def most_tokens(seconds: float) -> int:
    """Return the upper limit of tokens for `seconds` of speech."""
    return min(MOST_TOKENS, int(12 + 6.5 * seconds))


def otherwise(asked: Options) -> Options:
    """Return the options for a retry after a loop: without the prompt that can have caused it, or with sampling."""
    return replace(asked, prompt="") if asked.prompt else replace(asked, temperature=RESCUE_TEMPERATURE)


def search(temperature: float) -> dict[str, Any]:
    """Return the decoder's search options."""
    if temperature == 0:
        return {"beam_size": BEAM}
    return {"beam_size": 1, "sampling_topk": 0, "sampling_temperature": temperature}
