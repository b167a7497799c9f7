"""The echo path from our speaker to our microphone: its gain and delay.

A sweep is played, and the recording is deconvolved by it, which leaves the echo of a single click. Pure Python: it takes a
second, and runs once.
"""

import cmath
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from voicemode.audio.frames import Frame, join, pcm_of, samples_of, silence
from voicemode.config.installer import to_install

RATE = 16_000
"""Sample rate in hertz."""
LEAD_SECONDS = 0.3
"""Silence before the sweep: some speakers swallow the beginning."""
SWEEP_SECONDS = 1.0
LOW, HIGH = 300.0, 3400.0
"""Bounds of the sweep in hertz, within the range of every speaker and microphone."""
LEVEL = 0.15
"""Share of full scale: soft."""
FADE_SECONDS = 0.02
BEFORE_SECONDS, AFTER_SECONDS = 0.005, 0.2
"""Window around the loudest echo, reverberation included."""
CERTAIN = 7.0
"""Least ratio of an echo's peak to the RMS of the noise; chance reaches five."""
WEAK_DB = -45.0
"""An echo up to this level is not speech to any VAD."""
LONG_SECONDS = 0.5
"""Longest delay a canceller handles."""

Mode = Literal["auto", "off", "headphones"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoPath:
    """A measured echo path."""

    level_db: float | None
    """Level of the echo relative to the audio played; None if there was no echo."""
    begins_seconds: float
    """Start of the sweep's echo in the recording; 0 if there is none."""
    floor_db: float
    """Level of the softest echo that would have been detected."""


def sweep() -> Frame:
    """Return the audio to play: silence, then a tone that rises for a second."""
    count, fade = round(RATE * SWEEP_SECONDS), round(RATE * FADE_SECONDS)
    tones = array("h")
    for index in range(count):
        seconds = index / RATE
        phase = 2 * math.pi * (LOW + (HIGH - LOW) * seconds / (2 * SWEEP_SECONDS)) * seconds
        shape = min(1.0, index / fade, (count - 1 - index) / fade)
        tones.append(round(32767 * LEVEL * shape * math.sin(phase)))
    return join([silence(LEAD_SECONDS, RATE), Frame(pcm_of(tones), RATE)], RATE)


def find_echo(heard: Frame) -> EchoPath:
    """Find the echo of `sweep()` in `heard`, a recording at RATE, longer than the sweep and up to some 10 s."""
    played, samples = samples_of(sweep().pcm)[round(LEAD_SECONDS * RATE) :], samples_of(heard.pcm)
    size = 1 << (len(samples) + len(played)).bit_length()
    wave, echo = spectrum(played, size), spectrum(samples, size)
    power = [abs(value) ** 2 for value in wave]
    least = 0.01 * max(power)
    clicks = [e * w.conjugate() / (p + least) for e, w, p in zip(echo, wave, power, strict=True)]
    # The inverse transform by way of the forward one. The cut drops echoes whose end was not recorded.
    response = [value.real / size for value in transform([value.conjugate() for value in clicks])]
    response = response[: len(samples) - len(played)]
    click = [p / (p + least) for p in power]
    return weigh(response, peak=sum(click) / size, energy=sum(value**2 for value in click) / size)


def weigh(response: Sequence[float], peak: float, energy: float) -> EchoPath:
    """Return the echo in `response` and its level.

    Args:
        response: The impulse response, sample by sample.
        peak: The peak that the click itself would have in it.
        energy: The sum of the click's squared samples.
    """
    loudest = max(range(len(response)), key=lambda index: abs(response[index]))
    start, end = max(0, loudest - round(BEFORE_SECONDS * RATE)), loudest + round(AFTER_SECONDS * RATE)
    around, rest = response[start:end], [*response[:start], *response[end:]]
    noise = sum(value**2 for value in rest) / max(1, len(rest))
    floor_db = decibels(CERTAIN**2 * noise / peak**2)
    if response[loudest] ** 2 <= CERTAIN**2 * noise:
        return EchoPath(level_db=None, begins_seconds=0.0, floor_db=floor_db)
    whole = (sum(value**2 for value in around) - noise * len(around)) / energy
    # Reverberation can drown in noise; the peak has not.
    level_db = decibels(max(whole, (response[loudest] / peak) ** 2))
    return EchoPath(level_db=level_db, begins_seconds=loudest / RATE, floor_db=floor_db)


def spectrum(samples: "array[int]", size: int) -> list[complex]:
    return transform([*map(complex, samples), *[0j] * (size - len(samples))])


def transform(values: list[complex]) -> list[complex]:
    """Return the Fourier transform of `values`, whose number must be a power of two."""
    if len(values) == 1:
        return values
    even, odd = transform(values[::2]), transform(values[1::2])
    turns = [cmath.exp(-2j * math.pi * index / len(values)) * value for index, value in enumerate(odd)]
    return [e + t for e, t in zip(even, turns, strict=True)] + [e - t for e, t in zip(even, turns, strict=True)]


def decibels(power: float) -> float:
    return 10 * math.log10(max(power, 1e-12))


@dataclass(frozen=True, slots=True)
class Advice:
    mode: Mode
    """Recommended value of VOICEMODE_BARGE_IN."""
    reason: str


def advise(path: EchoPath, delay_seconds: float, *, canceller: bool) -> Advice:
    """Advise on barge-in with this echo path.

    Args:
        path: The measured echo path.
        delay_seconds: From handing audio to the speaker until its echo arrives.
        canceller: True if the echo canceller is installed.
    """
    if path.level_db is None and path.floor_db > WEAK_DB:
        return Advice("auto", "It is too noisy here to tell whether there is an echo. Try again in a quiet moment.")
    if path.level_db is None or path.level_db <= WEAK_DB:
        return Advice("headphones", "Nothing of our voice comes back: headphones, or a speaker that is turned off.")
    if not canceller:
        missing = "Our voice comes back, and the echo canceller is not installed."
        return Advice("off", f"{missing} {to_install(extra='echo')}")
    if delay_seconds > LONG_SECONDS:
        return Advice("off", "Our voice comes back too late for the echo canceller; a speaker with a cable would be quicker.")
    loud = " A softer speaker would make it easier." if path.level_db > 0 else ""
    return Advice("auto", f"Our voice comes back, and the echo canceller removes it.{loud}")
