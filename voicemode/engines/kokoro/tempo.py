"""Time-stretching of speech at the same pitch: pieces are overlapped where they fit best (WSOLA).

Imported only with the engine: needs numpy.
"""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_HOP = 480
"""Samples from one piece to the next: 20 ms at 24 kHz."""
_PIECE = 2 * _HOP
_SEARCH = 360
"""Samples to search for the best fit: one period of the lowest voice."""


def at_tempo(samples: Samples, speed: float) -> Samples:
    """Return `samples`, `speed` times as fast."""
    if speed == 1:
        return samples
    pieces = max(1, round(len(samples) / speed / _HOP))
    padded = np.pad(samples, (0, 2 * _PIECE + _SEARCH))
    window = np.hanning(_PIECE + 1)[:-1].astype(np.float32)
    result = np.zeros((pieces + 1) * _HOP, np.float32)
    start = 0
    for index in range(pieces):
        if index:
            start = best_fit(padded, round(index * _HOP * speed), padded[start + _HOP : start + _HOP + _PIECE])
        result[index * _HOP : index * _HOP + _PIECE] += window * padded[start : start + _PIECE]
    return result


def best_fit(padded: Samples, earliest: int, continuation: Samples) -> int:
    """Return the position from `earliest` on where `padded` is most like `continuation`."""
    region = padded[earliest : earliest + _SEARCH + _PIECE]
    return earliest + int(np.argmax(np.correlate(region, continuation, "valid")))
