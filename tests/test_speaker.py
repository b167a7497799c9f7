"""When a speaker's buffer sounds, waits and fades; without a device, at 1000 samples per second."""

from array import array

import pytest

from voicemode.audio.frames import pcm_of, samples_of
from voicemode.transports.base import Played
from voicemode.transports.speaker import Buffer, faded

LEVEL = 1000


class Device:
    rate = 1000
    latency_seconds = 0.02

    def start(self) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def buffer(played: Played) -> Buffer:
    buffer = Buffer(played)
    buffer.open(Device())
    return buffer


def sound(samples: int) -> bytes:
    return pcm_of(array("h", [LEVEL] * samples))


def taken(buffer: Buffer, samples: int) -> list[int]:
    return list(samples_of(buffer.take(samples)))


def test_it_waits_until_there_is_enough_to_survive_jitter(buffer: Buffer, played: Played) -> None:
    buffer.put(sound(79))
    too_early = buffer.ready
    assert taken(buffer, 10) == [0] * 10
    assert played.started_at is None
    buffer.put(sound(1))
    assert (too_early, buffer.ready) == (False, True)
    assert taken(buffer, 10) == [LEVEL] * 10
    assert played.started_at is not None


def test_a_sound_shorter_than_the_reserve_is_played_when_it_has_ended(buffer: Buffer, played: Played) -> None:
    buffer.put(sound(5))
    buffer.end()
    assert taken(buffer, 10) == [LEVEL] * 5 + [0] * 5
    assert buffer.empty
    assert played.seconds == pytest.approx(0.005)


def test_a_gap_fades_out_and_in_and_every_sample_is_played_once(buffer: Buffer, played: Played) -> None:
    buffer.put(sound(100))
    before = taken(buffer, 60) + taken(buffer, 60)
    assert before[:95] == [LEVEL] * 95
    assert before[95:] == [800, 600, 400, 200, 0] + [0] * 20
    buffer.put(sound(50))
    assert taken(buffer, 10) == [0] * 10
    buffer.put(sound(50))
    assert taken(buffer, 10) == [0, 200, 400, 600, 800] + [LEVEL] * 5
    buffer.end()
    taken(buffer, 200)
    assert played.seconds == pytest.approx(0.2)


def test_cutting_ends_softly_and_forgets_the_rest(buffer: Buffer, played: Played) -> None:
    buffer.put(sound(500))
    taken(buffer, 10)
    buffer.cut()
    assert taken(buffer, 10) == [800, 600, 400, 200, 0] + [0] * 5
    assert taken(buffer, 10) == [0] * 10
    assert played.seconds == pytest.approx(0.015)


def test_a_device_that_is_not_open_yet_gets_nothing() -> None:
    buffer = Buffer(Played())
    buffer.put(sound(500))
    assert taken(buffer, 10) == [0] * 10


def test_a_fade_is_no_longer_than_the_sound() -> None:
    assert list(samples_of(faded(sound(2), 10, rising=False))) == [500, 0]
    assert faded(b"", 10, rising=True) == b""
