from array import array

import pytest

from tests.support.frames import rechunk
from voicemode.audio.frames import Frame, join, pcm_of, samples_of, silence, stream

pytestmark = pytest.mark.anyio


def test_a_frame_knows_its_length() -> None:
    assert Frame(bytes(32_000), 16_000).seconds == 1.0


def test_silence_is_zeros_of_the_length_asked_for() -> None:
    frame = silence(0.5, 8_000)
    assert (frame.seconds, frame.rate, set(frame.pcm)) == (0.5, 8_000, {0})


def test_frames_are_joined_in_order() -> None:
    assert join([Frame(b"ab", 8_000), Frame(b"cd", 8_000)], 8_000) == Frame(b"abcd", 8_000)


def test_samples_survive_the_way_to_pcm_and_back() -> None:
    numbers = array("h", [0, 1, -1, 32767, -32768])
    assert pcm_of(numbers)[2:4] == b"\x01\x00"
    assert samples_of(pcm_of(numbers)) == numbers


async def test_frames_are_cut_to_one_size_across_their_borders() -> None:
    pcm = bytes(range(250))
    cut = [frame async for frame in rechunk(stream(Frame(pcm[:30], 1000), Frame(pcm[30:], 1000)), 0.05)]
    assert [len(frame.pcm) for frame in cut] == [100, 100]
    assert b"".join(frame.pcm for frame in cut) == pcm[:200]
