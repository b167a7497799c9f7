import math
from array import array

import pytest

from voicemode.audio.frames import Frame, join, pcm_of, samples_of
from voicemode.audio.resample import Resampler

RATES = [(48_000, 16_000), (44_100, 16_000), (16_000, 24_000), (22_050, 24_000), (24_000, 48_000), (16_000, 8_000)]


def tone(pitch: float, seconds: float, rate: int) -> Frame:
    wave = (round(10_000 * math.sin(2 * math.pi * pitch * index / rate)) for index in range(round(rate * seconds)))
    return Frame(pcm_of(array("h", wave)), rate)


def convert(frame: Frame, rate: int, piece_bytes: int = 441 * 2) -> Frame:
    resampler = Resampler(rate)
    pieces = [frame.pcm[start : start + piece_bytes] for start in range(0, len(frame.pcm), piece_bytes)]
    return join([resampler.convert(Frame(piece, frame.rate)) for piece in pieces] + [resampler.finish()], rate)


def error(heard: Frame, expected: Frame) -> int:
    """The largest difference, away from both ends, where a filter knows only half of its surroundings."""
    pairs = list(zip(samples_of(heard.pcm), samples_of(expected.pcm), strict=False))
    return max(abs(a - b) for a, b in pairs[200:-200])


@pytest.mark.parametrize(("source", "target"), RATES)
def test_a_tone_stays_the_same_tone_without_delay(source: int, target: int) -> None:
    converted = convert(tone(440, 0.3, source), target)
    assert converted.seconds == pytest.approx(0.3, abs=2 / target)
    assert error(converted, tone(440, 0.3, target)) < 60


def test_it_does_not_matter_how_the_stream_is_cut() -> None:
    whole = tone(440, 0.2, 44_100)
    assert convert(whole, 16_000, 2 * 100) == convert(whole, 16_000, len(whole.pcm))


def test_what_the_lower_rate_cannot_carry_is_removed_instead_of_folded_back() -> None:
    converted = samples_of(convert(tone(15_000, 0.2, 48_000), 16_000).pcm)
    assert max(map(abs, converted[200:-200])) < 100


def test_the_same_rate_is_passed_through_untouched() -> None:
    frame = tone(440, 0.1, 16_000)
    assert Resampler(16_000).convert(frame) is frame


def test_a_rate_that_changes_in_mid_stream_is_followed() -> None:
    resampler = Resampler(24_000)
    lengths = [resampler.convert(tone(440, 0.1, rate)).seconds for rate in (16_000, 48_000, 24_000)]
    assert lengths == pytest.approx([0.1, 0.1, 0.1], abs=0.002)


def test_loud_sound_is_clipped_not_wrapped() -> None:
    square = Frame(pcm_of(array("h", ([32767] * 40 + [-32768] * 40) * 20)), 48_000)
    middle = samples_of(convert(square, 16_000).pcm)[100:-100]
    assert max(middle) == 32767
    assert min(middle) == -32768
