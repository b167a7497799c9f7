"""Whisper on CTranslate2. Imports numpy and CTranslate2: import this module only to load an engine."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import ctranslate2

from voicemode.audio.frames import Frame
from voicemode.audio.turns.log_mel import mel_filters
from voicemode.engines.whisper.reader import LEAST_SECONDS, Reader, Weights, nothing
from voicemode.engines.whisper.split import Stretch, stretches
from voicemode.engines.whisper.transcript import Options, Segment
from voicemode.engines.whisper.vocabulary import Vocabulary
from voicemode.errors import WeightsError

log = logging.getLogger(__name__)

LONG_SECONDS = 60.0
"""Seconds of a recording after which it is a file, not a turn: the rest is transcribed at low priority."""
LOWEST_PRIORITY = 19


def load_whisper(
    model_dir: Path, name: str, threads: int, *, least_seconds: float = LEAST_SECONDS, card: bool = False
) -> "WhisperEngine":
    """Load the weights in `model_dir` (CTranslate2 format). Takes a second. Raises WeightsError.

    Args:
        model_dir: Folder of the weights.
        name: Short name of the model.
        threads: Number of CPU threads.
        least_seconds: Shortest window to encode.
        card: Use an NVIDIA card; without a working one, fall back to the CPU.
    """

    def load(load_patient: Callable[[], Any] | None = None, **device: Any) -> WhisperEngine:
        model = ctranslate2.models.Whisper(str(model_dir), **device)
        return WhisperEngine(name, model, Vocabulary(model_dir / "tokenizer.json"), least_seconds, load_patient)

    try:
        return (card and on_card(load)) or on_processors(load, model_dir, threads)
    except Exception as error:  # ctranslate2 and tokenizers share no exception base class
        raise WeightsError(
            f"Whisper {name} cannot be loaded from {model_dir}: {error}", hint="Delete that folder to fetch it again."
        ) from error


def on_card(load: Callable[..., "WhisperEngine"]) -> "WhisperEngine | None":
    """Return the engine on an NVIDIA card; None if there is no usable card."""
    if not ctranslate2.get_cuda_device_count():
        return None
    try:
        engine = load(device="cuda", compute_type="int8_float16")
        # Some CUDA libraries are loaded only by the first transcription.
        engine.warm_up()
    except (RuntimeError, ValueError) as error:  # a card without int8_float16 raises ValueError
        log.warning("The NVIDIA card cannot be used, so the processors are: %s", error)
        return None
    return engine


def on_processors(load: Callable[..., "WhisperEngine"], model_dir: Path, threads: int) -> "WhisperEngine":
    """Return the engine on the CPU."""
    device: dict[str, Any] = {"device": "cpu", "compute_type": "int8", "intra_threads": threads}
    again = partial(ctranslate2.models.Whisper, str(model_dir), **device)
    return load(partial(at_low_priority, again), **device, inter_threads=2)


def at_low_priority(load: Callable[[], Any]) -> Any:
    """Return the model that `load` makes; on Linux its threads get only what processor time others leave.

    There, a thread's priority is its own, and passes to the threads it starts.
    """

    def work() -> Any:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
        return load()

    with ThreadPoolExecutor(max_workers=1) as threads:
        return threads.submit(work).result()


class WhisperEngine:
    """A loaded model. Keeps no state between recordings; two can be transcribed concurrently."""

    def __init__(
        self,
        name: str,
        model: Any,
        vocabulary: Vocabulary,
        least_seconds: float = LEAST_SECONDS,
        load_patient: Callable[[], Any] | None = None,
    ) -> None:
        """`load_patient` loads the model again, at low priority: a turn beside a long recording then loses no CPU time."""
        self.name = name
        self._weights = Weights(model, vocabulary, mel_filters(model.n_mels), least_seconds)
        self._load_patient = load_patient

    def warm_up(self) -> None:
        """Make the first real transcription as fast as the others."""
        for _ in Reader(self._weights, Options(language="en"), threading.Event(), nothing).read(Stretch(bytes(32_000), 0.0)):
            pass

    def transcribe(
        self,
        frames: Iterable[Frame],
        options: Options,
        cancelled: threading.Event | None = None,
        give_way: Callable[[], None] = nothing,
    ) -> Iterator[Segment]:
        """Yield the segments of `frames` (16 kHz) as they are recognised; none for silence and noise.

        Stops early once `cancelled` is set. `give_way` is called before each step from the second stretch on.
        """
        cancelled = cancelled or threading.Event()
        reader = Reader(self._weights, options, cancelled, give_way)
        patient = False
        for stretch in stretches(frames):
            if cancelled.is_set():
                return
            if self._load_patient and not patient and stretch.start_seconds >= LONG_SECONDS:
                patient = True
                reader.use(self._load_patient())
            if any(stretch.pcm):
                yield from reader.read(stretch)
