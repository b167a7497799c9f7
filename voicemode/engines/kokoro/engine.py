"""Kokoro-82M, quantised to 8 bits, on ONNX Runtime: text in, frames out, chunk by chunk.

Imported only to load the engine: needs numpy and onnxruntime.
"""

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicemode.audio.frames import Frame, silence
from voicemode.engines.kokoro.alphabet import pronounceable
from voicemode.engines.kokoro.phonemes import Phonemizer
from voicemode.engines.kokoro.tempo import at_tempo
from voicemode.engines.kokoro.text import Chunk, NothingToSayError, plan, sentences
from voicemode.engines.kokoro.vocab import NUMBERS
from voicemode.engines.kokoro.voices import Mix, parse_voice
from voicemode.errors import Remedy, WeightsError
from voicemode.onnx import onnxruntime as ort

RATE = 24_000
MODEL_FILE = "kokoro-v1.0.int8.onnx"
STYLE_SHAPE = (510, 256)
FETCH = Remedy("Fetch it", "voicemode models download kokoro")

Samples = NDArray[np.float32]
Style = NDArray[np.float32]
"""Style vectors of a voice: a row of 256 numbers for each text length of 1, 2, ... 510 symbols."""

_SLOWEST, _FASTEST = 0.8, 1.2
"""Range of speeds at which the model speaks clearly. At 0.5 it loses one word in ten, at 2.0 one in six; time-stretching
loses one in fifty and one in sixteen (as transcribed by Whisper base)."""
_QUIET = 0.01
"""Amplitude below which the ends of a chunk are trimmed."""
_MARGIN = RATE // 50
"""Samples kept around the trimmed chunk: soft onsets and endings, and the fades."""
_WATCH_SECONDS = 0.05
"""Interval at which the thread that waits for cancellation checks that the synthesis is over."""
_M_MMAP_THRESHOLD = -3
"""Value of M_MMAP_THRESHOLD in malloc.h."""
_LARGE_BYTES = 128 * 1024
"""Fixed mmap threshold: the initial value in glibc."""


class KokoroEngine:
    """The loaded model. One `speak` at a time is as fast as several."""

    def __init__(self, model_dir: Path, voices_dir: Path, *, threads: int) -> None:
        """Load everything but the voices, which are read on first use; takes 1 s. Raises WeightsError."""
        return_large_blocks()
        self._session = open_session(model_dir / MODEL_FILE, threads)
        self._phonemizer = Phonemizer()
        self._voices_dir = voices_dir
        self._styles: dict[str, Style] = {}

    def warm_up(self) -> None:
        """Make the first real sentence as fast as the others."""
        for _ in self.speak("Kokoro.", parse_voice("")):
            pass

    def speak(self, text: str, voice: Mix, *, speed: float = 1.0, cancelled: threading.Event | None = None) -> Iterator[Frame]:
        """Yield `text` as frames at 24 kHz, each as soon as it is synthesised.

        Setting `cancelled` ends synthesis at once, even within a chunk. Raises NothingToSayError.
        """
        style, pause_seconds = self.style(voice), None
        model_speed = min(max(speed, _SLOWEST), _FASTEST)
        words = chain.from_iterable(
            self._phonemizer.words(sentence, british=voice.british) for sentence in sentences(pronounceable(text))
        )
        with terminable(cancelled or threading.Event()) as options:
            for chunk in plan(words, speed=speed, model_speed=model_speed):
                if pause_seconds:
                    yield silence(pause_seconds / speed, RATE)
                samples = self._synthesize(chunk, style, model_speed, options)
                if samples is None:
                    return
                yield to_frame(at_tempo(smoothed(samples), speed / model_speed))
                pause_seconds = chunk.pause_seconds
        if pause_seconds is None:
            raise NothingToSayError("The text has nothing that can be pronounced.", hint="Only English can be spoken here.")

    def style(self, voice: Mix) -> Style:
        """Return the style vectors of `voice`. Raises WeightsError."""
        parts = [self._part(part.name) for part in voice.parts]
        style: Style = np.average(parts, axis=0, weights=[part.weight for part in voice.parts]).astype(np.float32)
        return style

    def _part(self, name: str) -> Style:
        if name not in self._styles:
            self._styles[name] = load_style(self._voices_dir / f"{name}.bin")
        return self._styles[name]

    def _synthesize(self, chunk: Chunk, style: Style, speed: float, options: ort.RunOptions) -> Samples | None:
        """Return the samples of `chunk`; None if `options` terminated the run."""
        numbers = [NUMBERS[symbol] for symbol in chunk.sound]
        feeds = {
            "tokens": np.array([[0, *numbers, 0]], np.int64),
            "style": style[len(numbers) - 1][np.newaxis],
            "speed": np.array([speed], np.float32),
        }
        try:
            samples: Samples = self._session.run(None, feeds, options)[0]
        except Exception:  # ONNX Runtime has no narrower type for a terminated run
            if options.terminate:
                return None
            raise
        return samples.ravel()


def return_large_blocks() -> None:
    """Make malloc return freed memory to the system.

    By default glibc keeps ever larger blocks: 290 MB grew to 380 within thirty sentences. Returning them costs no time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def open_session(model: Path, threads: int) -> ort.InferenceSession:
    """Open the model with `threads` CPU threads. Raises WeightsError."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Chunks differ in length, so memory patterns are never reused; they would cost 30 MB.
    options.enable_mem_pattern = False
    # Spinning threads are 5 % faster, but take the cores from playback.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not model.is_file():
        raise WeightsError(f"The Kokoro model {model} is missing.", hint=FETCH)
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def load_style(file: Path) -> Style:
    """Return the style vectors in `file`. Raises WeightsError if it is not a voice."""
    if not file.is_file() or file.stat().st_size != 4 * STYLE_SHAPE[0] * STYLE_SHAPE[1]:
        raise WeightsError(f"{file} is missing or not a Kokoro voice.", hint=FETCH)
    return np.fromfile(file, dtype="<f4").reshape(STYLE_SHAPE)


@contextmanager
def terminable(cancelled: threading.Event) -> Iterator[ort.RunOptions]:
    """Yield options for runs that terminate once `cancelled` is set."""
    options, over = ort.RunOptions(), threading.Event()
    # Memory for a long chunk is released after the run: 290 MB at rest instead of up to 500 MB.
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def watch() -> None:
        while not over.is_set():
            if cancelled.wait(_WATCH_SECONDS):
                options.terminate = True
                return

    threading.Thread(target=watch, name="kokoro-cancel", daemon=True).start()
    try:
        yield options
    finally:
        over.set()


def smoothed(samples: Samples) -> Samples:
    """Return `samples` without the silence around them, faded in and out to avoid clicks."""
    loud = np.flatnonzero(np.abs(samples) > _QUIET)
    if not loud.size:
        return samples[:0]
    kept = samples[max(0, loud[0] - _MARGIN) : loud[-1] + _MARGIN].copy()
    ramp = np.linspace(0, 1, min(_MARGIN, len(kept) // 2), dtype=np.float32)
    kept[: len(ramp)] *= ramp
    kept[len(kept) - len(ramp) :] *= ramp[::-1]
    return kept


def to_frame(samples: Samples) -> Frame:
    return Frame((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes(), RATE)
