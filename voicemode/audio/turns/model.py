"""Does it sound as if the speaker had finished? Smart Turn v3.2 (BSD-2, by Daily), a small network on Whisper's features.

It hears melody and tempo, not words. On read speech it separates only moderately, so it never decides alone.
Needs numpy and onnxruntime; they are imported where the model is loaded.
"""

import asyncio
import ctypes
import logging
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from voicemode.audio.frames import Frame
from voicemode.audio.turns.endpointer import log_odds
from voicemode.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

FILE = "smart-turn-v3.2-cpu.onnx"
RATE = 16_000
SECONDS = 8
"""It hears the last so many; less is padded with silence before it."""
FRAMES = SECONDS * 100
TAILS_SECONDS = (0.0, 0.15)
"""Of silence after the last sound, each asked about: with more, every pause sounds finished; one opinion alone is fickle."""
STEP = RATE // 100
"""Samples of a moment."""
QUIET = 0.03
"""Of the loudest moments: what is softer is no speech."""
NOISE, NOISY = 2.5, 0.1
"""Times the quietest moments, and of the loudest: what is softer than both is the room."""
CLICK = 9
"""Moments: what does not last for half of so many is a click, or a breath."""
M_MMAP_THRESHOLD = -3
"""As glibc's malloc.h has it."""
LARGE_BYTES = 1 << 18


class TurnModel(Protocol):
    def finished(self, audio: Frame) -> float:
        """The probability, 0 to 1, that whoever speaks in `audio` (16 kHz, up to a short pause) has finished. Blocks."""


class TurnPredictor:
    """Asks a turn model about each pause, in a thread, and tells what it says if that is not too late.

    A context manager: nothing goes on after it.
    """

    def __init__(self, model: TurnModel | None, tell: Callable[[float | None], None]) -> None:
        """`tell` takes the probability that the turn has ended, None if the model fails. Without a model nothing is told."""
        self._model = model
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    def ask(self, audio: Frame) -> bool:
        """There is a pause after `audio`. True if something will be told of it."""
        if self._model is None:
            return False
        self.forget()
        self._task = asyncio.create_task(self._ask(self._model, audio))
        return True

    def forget(self) -> None:
        """The pause is over."""
        if self._task is not None:
            self._task.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Nothing goes on after it."""
        self.forget()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _ask(self, model: TurnModel, audio: Frame) -> None:
        try:
            self._tell(await asyncio.to_thread(model.finished, audio))
        except Exception as error:  # ONNX Runtime's have no public base class; a turn must not fail for want of an opinion
            log.warning("The turn model fails: %s", error)
            self._tell(None)


class SmartTurn:
    """120 ms on one thread; may be called from any."""

    def __init__(self, session: Any, filters: Any) -> None:
        self._session = session
        self._filters = filters

    def finished(self, audio: Frame) -> float:
        import numpy as np

        heard = np.frombuffer(audio.pcm, "<i2").astype(np.float32) / 32768
        end = last_sound(heard)
        odds = [log_odds(self._judge(heard[: end + round(tail * RATE)])) for tail in TAILS_SECONDS]
        return 1 / (1 + math.exp(-sum(odds) / len(odds)))

    def _judge(self, heard: "NDArray[np.floating[Any]]") -> float:
        import numpy as np

        from voicemode.audio.turns.log_mel import log_mel

        heard = heard[-SECONDS * RATE :]
        samples = np.zeros(SECONDS * RATE, np.float32)
        samples[len(samples) - len(heard) :] = heard
        samples = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
        features = log_mel(samples, FRAMES, self._filters)
        return float(self._session.run(None, {"input_features": features[None]})[0].item())


def last_sound(heard: "NDArray[np.floating[Any]]") -> int:
    """Return the number of samples of `heard` before silence begins; all, where nothing sounds."""
    import numpy as np

    blocks = heard[: len(heard) // STEP * STEP].reshape(-1, STEP)
    if not len(blocks):
        return len(heard)
    level = np.sqrt((blocks**2).mean(axis=1))
    quietest, loudest = np.percentile(level, [5, 99])
    sounds = level >= max(QUIET * loudest, min(NOISE * quietest, NOISY * loudest))
    lasting = np.flatnonzero(np.convolve(sounds, np.ones(CLICK), "same") > CLICK / 2)
    return int(lasting[-1] + 1) * STEP if len(lasting) else len(heard)


def load_smart_turn(folder: Path) -> SmartTurn:
    """The model in `folder`. Takes half a second. Raises ImportError without onnxruntime or numpy, and WeightsError."""
    from voicemode.audio.turns.log_mel import mel_filters
    from voicemode.onnx import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    give_back_large_blocks()
    try:
        session = onnxruntime.InferenceSession(str(folder / FILE), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no public base class
        raise WeightsError(f"The turn model in {folder} cannot be loaded: {error}", hint="Delete that folder.") from error
    return SmartTurn(session, mel_filters())


def give_back_large_blocks() -> None:
    """Have freed memory returned to the system, where it is glibc's.

    A judgement takes 40 MB for a tenth of a second. glibc and ONNX Runtime's arena would keep them, once for each thread that
    has judged: the MCP server then has 235 MB after a turn instead of 175. It takes 0.03 s longer.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
