"""Whisper on CTranslate2, with an encoder window as short as the speech allows.

Whisper pads everything to 30 s. Encoding only the speech and 4 s after it is two to four times faster for a typical
turn, at the same word error rate as long as the result is checked and, where it looks wrong, the full window is used.
Whatever the window, Whisper may leave out all that is said before or after a pause: then both sides of it are read apart.
Imports numpy and CTranslate2: import this module only where an engine is loaded.
"""

import logging
import math
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np

from voicemode.audio.frames import Frame
from voicemode.audio.turns.log_mel import FRAMES_PER_SECOND, log_mel, mel_filters
from voicemode.engines.whisper.missed import missed, pauses
from voicemode.engines.whisper.split import Stretch, has_speech, stretches
from voicemode.engines.whisper.transcript import Options, Segment, TimedWord
from voicemode.engines.whisper.vocabulary import Vocabulary
from voicemode.engines.whisper.words import cues, tightened, words_of
from voicemode.errors import WeightsError

log = logging.getLogger(__name__)

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
    def silent(self) -> bool:
        """True if nobody spoke, or nothing that can be understood."""
        return not self.text.strip() or (self.no_speech > SILENT_NO_SPEECH and self.score < SILENT_SCORE)

    def segment(self, language: str, start_seconds: float, seconds: float) -> Segment:
        """All of it as one segment."""
        return Segment(
            start_seconds=start_seconds,
            end_seconds=start_seconds + seconds,
            text=self.text,
            tokens=tuple(self.tokens),
            language=language,
            temperature=self.temperature,
            avg_logprob=self.score,
            compression_ratio=self.ratio,
            no_speech_prob=self.no_speech,
        )

    def cue(self, language: str, words: Sequence[TimedWord]) -> Segment:
        """The part of it that `words` are."""
        start = words[0].start_seconds
        return replace(
            self.segment(language, start, words[-1].end_seconds - start),
            text="".join(word.text for word in words),
            tokens=tuple(token for word in words for token in word.tokens),
            words=tuple(words),
        )


def load_whisper(
    model_dir: Path, name: str, threads: int, *, least_seconds: float = LEAST_SECONDS, card: bool = False
) -> "WhisperEngine":
    """Load the weights in `model_dir` (CTranslate2 format). Takes a second. Raises WeightsError.

    Args:
        model_dir: Where they are.
        name: What they are called.
        threads: How many the processors work with.
        least_seconds: The shortest window that is encoded.
        card: Whether an NVIDIA card is to be used. Where it turns out not to work, the processors are.
    """

    def load(**device: Any) -> WhisperEngine:
        model = ctranslate2.models.Whisper(str(model_dir), **device)
        return WhisperEngine(name, model, Vocabulary(model_dir / "tokenizer.json"), least_seconds)

    try:
        if card and (engine := on_card(load)):
            return engine
        return load(device="cpu", compute_type="int8", intra_threads=threads)
    except Exception as error:  # those of ctranslate2 and tokenizers have no base class in common
        raise WeightsError(
            f"Whisper {name} cannot be loaded from {model_dir}: {error}", hint="Delete that folder to fetch it again."
        ) from error


def on_card(load: Callable[..., "WhisperEngine"]) -> "WhisperEngine | None":
    """The engine on an NVIDIA card; None if there is none, or it cannot be used."""
    if not ctranslate2.get_cuda_device_count():
        return None
    try:
        engine = load(device="cuda", compute_type="int8_float16")
        # Some of CUDA's libraries are only loaded by the first transcription.
        engine.warm_up()
    except (RuntimeError, ValueError) as error:  # a card that cannot reckon in int8_float16 is a ValueError
        log.warning("The NVIDIA card cannot be used, so the processors are: %s", error)
        return None
    return engine


class WhisperEngine:
    """Recordings in, text out. One transcription at a time; the engine keeps nothing of it."""

    def __init__(self, name: str, model: Any, vocabulary: Vocabulary, least_seconds: float = LEAST_SECONDS) -> None:
        self.name = name
        self._model = model
        self._vocabulary = vocabulary
        self._least_seconds = least_seconds
        self._filters = mel_filters(model.n_mels)

    def warm_up(self) -> None:
        """Make the first real transcription as fast as the others."""
        self._read(self._encode(Stretch(bytes(32_000), 0.0), self._window(1.0)), Options(language="en"))

    def transcribe(
        self, frames: Iterable[Frame], options: Options, cancelled: threading.Event | None = None
    ) -> Iterator[Segment]:
        """Segments of `frames` (16 kHz), as they are recognised; nothing for silence and noise.

        Stops early once `cancelled` is set.
        """
        language, cancelled = options.language, cancelled or threading.Event()
        for stretch in stretches(frames):
            if cancelled.is_set():
                return
            if not any(stretch.pcm):
                continue
            encoded = self._encode(stretch, self._window(stretch.seconds))
            asked = replace(options, language=language or self._detect(encoded))
            for part, heard in self._listen(stretch, encoded, asked, cancelled):
                # What is spoken where somebody speaks for the first time holds for the rest.
                language = asked.language
                yield from self._segments(part, heard, asked)

    def _detect(self, encoded: Encoded) -> str:
        if not self._model.is_multilingual:
            return "en"
        token, _probability = self._model.detect_language(encoded.features)[0][0]
        return str(token).strip("<|>")

    def _listen(
        self, stretch: Stretch, encoded: Encoded, asked: Options, cancelled: threading.Event, cuts: int = MOST_CUTS
    ) -> list[tuple[Stretch, Reading]]:
        """Transcribe `stretch`, in parts if Whisper leaves some of it out otherwise; nothing if nobody speaks in it."""
        heard = self._best(stretch, encoded, asked)
        if heard is None:
            return []
        # A translation comes in another order than what was said: nothing can be aligned.
        parts = self._parts(stretch, heard, asked) if cuts and not asked.translate else ()
        read = [
            self._listen(part, self._encode(part, self._window(part.seconds)), asked, cancelled, cuts - 1)
            for part in parts
            if not cancelled.is_set()
        ]
        return max([(stretch, heard)], list(chain.from_iterable(read)), key=letters)

    def _parts(self, stretch: Stretch, heard: Reading, asked: Options) -> tuple[Stretch, ...]:
        """`stretch`, cut so that what `heard` leaves out is read by itself; nothing if it leaves nothing out."""
        loud = stretch.loud()
        # Looking closer takes 20 ms, and only what is beside a pause is left out.
        at = missed(self._steps(stretch, heard, asked), loud) if any(pauses(loud)) else None
        parts = () if at is None else stretch.cut(at)
        return parts if all(has_speech(part.pcm) for part in parts) else ()

    def _best(self, stretch: Stretch, encoded: Encoded, asked: Options) -> Reading | None:
        """The best reading of `stretch` as a whole; None if nobody speaks in it."""
        heard = self._read(encoded, asked)
        if heard.doubtful and not has_speech(stretch.pcm):
            return None
        if not heard.trusted and encoded.window < FULL_WINDOW:
            encoded = self._encode(stretch, FULL_WINDOW)
            heard = self._read(encoded, asked)
        if heard.looping:
            heard = min(heard, self._read(encoded, otherwise(asked)), key=lambda each: each.ratio)
        return None if heard.silent else heard

    def _read(self, encoded: Encoded, asked: Options) -> Reading:
        prompt = self._vocabulary.prompt(self._start(asked), asked.prompt)
        limit = MOST_TOKENS if encoded.window == FULL_WINDOW else most_tokens(encoded.seconds)
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
            tokens=tokens,
            text=self._vocabulary.decode(tokens),
            cut_off=len(tokens) >= limit - 1,
            score=result.scores[0],
            no_speech=result.no_speech_prob,
            temperature=asked.temperature,
        )

    def _window(self, seconds: float) -> int:
        return reduced_window(seconds, self._least_seconds)

    def _encode(self, stretch: Stretch, window: int) -> Encoded:
        mel = log_mel(stretch.samples, window, self._filters)
        features = self._model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[None])))
        return Encoded(features, window, stretch.seconds)

    def _start(self, asked: Options) -> list[int]:
        return self._vocabulary.start(asked.language if self._model.is_multilingual else "", translate=asked.translate)

    def _segments(self, stretch: Stretch, heard: Reading, asked: Options) -> Iterator[Segment]:
        if not asked.timed:
            yield heard.segment(asked.language, stretch.start_seconds, stretch.seconds)
            return
        for cue in cues(self._words(stretch, heard, asked)):
            yield heard.cue(asked.language, cue)

    def _words(self, stretch: Stretch, heard: Reading, asked: Options) -> Iterator[TimedWord]:
        loud, pieces = stretch.loud(), self._vocabulary.pieces(heard.tokens)
        for word in words_of(pieces, self._steps(stretch, heard, asked), asked.language):
            yield tightened(word, loud).later(stretch.start_seconds)

    def _steps(self, stretch: Stretch, heard: Reading, asked: Options) -> list[tuple[int, int]]:
        """Pairs (number of a token, encoder step it was heard at)."""
        frames = max(2, math.ceil(stretch.seconds * FRAMES_PER_SECOND))
        aligned = self._model.align(heard.encoded.features, self._start(asked), [heard.tokens], frames)
        steps: list[tuple[int, int]] = aligned[0].alignments
        return steps


def letters(readings: Sequence[tuple[Stretch, Reading]]) -> int:
    """Count the letters read. Marks do not count: where a sentence is cut, Whisper puts a full stop."""
    return sum(character.isalnum() for _, heard in readings for character in heard.text)


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
