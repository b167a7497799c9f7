"""The turn model, which judges by sound if the speaker has finished: Smart Turn v3.2 (BSD-2, by Daily) on Whisper's features.

A small network that judges melody and tempo, not words. On read speech it separates only moderately, so it never decides alone.
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
"""Length of its input: the last seconds of the audio, padded with silence in front."""
FRAMES = SECONDS * 100
TAILS_SECONDS = (0.0, 0.15)
"""Silences kept after the last sound, one prediction each: longer ones always sound finished, and a single one is fickle."""
STEP = RATE // 100
"""Samples in a block of 10 ms."""
QUIET = 0.03
"""Share of the loudest blocks' level; anything softer is not speech."""
NOISE, NOISY = 2.5, 0.1
"""Multiple of the quietest blocks' level and share of the loudest's; anything softer than both is room noise."""
CLICK = 9
"""Window in blocks; a sound shorter than half of it is a click or a breath."""
M_MMAP_THRESHOLD = -3
"""Value in glibc's malloc.h."""
LARGE_BYTES = 1 << 18


class TurnModel(Protocol):
    def finished(self, audio: Frame) -> float:
        """Return the probability that the speaker in `audio` (16 kHz, up to a short pause) has finished. Blocks."""


class TurnPredictor:
    """A turn model run in a thread at each pause; its prediction is reported unless the pause has ended.

    A context manager: no prediction is reported after it.
    """

    def __init__(self, model: TurnModel | None, tell: Callable[[float | None], None]) -> None:
        """`tell` is called with the probability that the turn has ended, or None if the model fails; never without a model."""
        self._model = model
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    def ask(self, audio: Frame) -> bool:
        """Request a prediction for the pause after `audio`. Return True if one will be reported."""
        if self._model is None:
            return False
        self.forget()
        self._task = asyncio.create_task(self._ask(self._model, audio))
        return True

    def forget(self) -> None:
        """Cancel a pending prediction: the pause is over."""
        if self._task is not None:
            self._task.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel a pending prediction and wait for it to end."""
        self.forget()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _ask(self, model: TurnModel, audio: Frame) -> None:
        try:
            self._tell(await asyncio.to_thread(model.finished, audio))
        except Exception as error:  # ONNX Runtime's have no public base class; a turn must not fail for want of a prediction
            log.warning("The turn model fails: %s", error)
            self._tell(None)


class SmartTurn:
    """Smart Turn: 120 ms per prediction on one thread. Thread-safe."""

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
    """Return the number of samples of `heard` before the final silence; all of them if there is no sound."""
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
    """Load the model in `folder`, in half a second. Raises ImportError without onnxruntime or numpy, and WeightsError."""
    from voicemode.audio.turns.log_mel import mel_filters
    from voicemode.onnx import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    give_back_large_blocks()
    try:
        session = onnxruntime.InferenceSession(str(folder / FILE), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no public base class
        raise WeightsError(f"The turn model in {folder} cannot be loaded: {error}", hint="Delete that folder.") from error
    return SmartTurn(session, mel_filters())


def give_back_large_blocks() -> None:
    """Have glibc, where it is used, return freed memory to the system.

    A prediction takes 40 MB for a tenth of a second. glibc and ONNX Runtime's arena would keep them, once for each thread that
    made one: the MCP server then has 235 MB after a turn instead of 175. Predictions take 0.03 s longer.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
