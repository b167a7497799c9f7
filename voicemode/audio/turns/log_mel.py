"""Whisper's input features: 80 log-mel bands (128 for large-v3), 100 frames a second.

Needs numpy: import it only where an engine is loaded.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Filters: TypeAlias = NDArray[np.float32]

RATE = 16_000
HOP = 160
"""Samples per frame."""
WINDOW = 400
"""Samples in the window of a frame."""
FRAMES_PER_SECOND = RATE // HOP


def mel_filters(bands: int = 80) -> Filters:
    """Return Slaney's filter bank, as computed by librosa and used to train Whisper: shape (bands, WINDOW // 2 + 1)."""
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)
    edges = _hertz(np.linspace(_mel(0.0), _mel(RATE / 2), bands + 2))
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    # Each triangle has the same area, so that white noise is equally loud in every band.
    areas = 2.0 / (edges[2:] - edges[:-2])
    return (np.maximum(0, np.minimum(rising, falling)) * areas[:, None]).astype(np.float32)


_LINEAR_UP_TO = 1000.0
"""Hertz: the Slaney scale is linear below it and logarithmic above."""
_HERTZ_PER_MEL = 200 / 3
_LOG_STEP = np.log(6.4) / 27


def _mel(hertz: float) -> float:
    if hertz < _LINEAR_UP_TO:
        return hertz / _HERTZ_PER_MEL
    return float(_LINEAR_UP_TO / _HERTZ_PER_MEL + np.log(hertz / _LINEAR_UP_TO) / _LOG_STEP)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = mel - _LINEAR_UP_TO / _HERTZ_PER_MEL
    return np.where(above < 0, mel * _HERTZ_PER_MEL, _LINEAR_UP_TO * np.exp(_LOG_STEP * above))


def log_mel(samples: Floats, frames: int, filters: Filters) -> Floats:
    """Return the features, shape (bands, frames), of `samples` (-1 to 1, 16 kHz) cut or padded with silence to `frames`."""
    wanted = frames * HOP
    padded = np.zeros(wanted + WINDOW, np.float32)
    kept = samples[:wanted]
    padded[WINDOW // 2 : WINDOW // 2 + len(kept)] = kept
    _reflect_ends(padded)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[:wanted:HOP]
    hann = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(windows * hann, axis=1)).astype(np.float32) ** 2
    logs: NDArray[Any] = np.log10(np.maximum(filters @ power.T, 1e-10))
    loudest = logs.max()
    return np.asarray((np.maximum(logs, loudest - 8) + 4) / 4, dtype=np.float32)


def _reflect_ends(padded: Floats) -> None:
    # Pad like torch's centred STFT, which Whisper was trained with.
    edge = WINDOW // 2
    padded[:edge] = padded[edge + 1 : 2 * edge + 1][::-1]
    padded[-edge:] = padded[-2 * edge - 1 : -edge - 1][::-1]
