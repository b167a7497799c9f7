import random
from array import array
from typing import Literal

import pytest

from tests.support.frames import rechunk
from tests.support.paths import RECORDINGS
from voicemode.audio.frames import Frame, join, pcm_of, silence, stream
from voicemode.audio.turns.endpointer import Endpointer, Rules, TurnState
from voicemode.audio.vad import RATE, Vad, create_vad
from voicemode.audio.wav import read_wav

pytestmark = pytest.mark.anyio
CLIPS = sorted(path.name for path in RECORDINGS.glob("*.wav"))
Kind = Literal["silero", "webrtc"]


async def speech_share(vad: Vad, sound: Frame) -> float:
    verdicts = [vad.is_speech(frame) async for frame in rechunk(stream(sound), vad.frame_seconds)]
    return sum(verdicts) / len(verdicts)


def noise(seconds: float, level: int) -> Frame:
    chance = random.Random(1)
    return Frame(pcm_of(array("h", (round(chance.gauss(0, level)) for _ in range(round(seconds * RATE))))), RATE)


@pytest.mark.parametrize("kind", ["silero", "webrtc"])
@pytest.mark.parametrize("clip", CLIPS)
async def test_a_person_reading_is_speech(clip: str, kind: Kind) -> None:
    assert await speech_share(create_vad(kind, 2), read_wav(RECORDINGS / clip)) > 0.6


@pytest.mark.parametrize("kind", ["silero", "webrtc"])
@pytest.mark.parametrize("clip", CLIPS)
async def test_a_sentence_is_one_turn_that_ends_soon_after_it(clip: str, kind: Kind) -> None:
    said = read_wav(RECORDINGS / clip)
    sound = join([silence(1, RATE), said, silence(2, RATE)], RATE)
    vad, endpointer, ended_at, elapsed = create_vad(kind, 2), Endpointer(Rules(silence_seconds=1.0)), 0.0, 0.0
    async for frame in rechunk(stream(sound), vad.frame_seconds):
        elapsed += frame.seconds
        if endpointer.feed(vad.is_speech(frame), frame.seconds) is TurnState.SILENCE:
            ended_at = elapsed
            break
    assert 1 + said.seconds - 0.2 < ended_at < 1 + said.seconds + 1.5


@pytest.mark.parametrize("kind", ["silero", "webrtc"])
async def test_silence_is_no_speech(kind: Kind) -> None:
    assert await speech_share(create_vad(kind, 2), silence(2, RATE)) == 0


@pytest.mark.parametrize("level", [5, 100])
async def test_hiss_is_no_speech_to_silero(level: int) -> None:
    assert await speech_share(create_vad("silero", 2), noise(2, level)) < 0.02


async def test_more_aggressive_means_less_is_speech() -> None:
    clip = read_wav(RECORDINGS / CLIPS[0])
    assert await speech_share(create_vad("silero", 0), clip) >= await speech_share(create_vad("silero", 3), clip)


async def test_a_detector_does_not_remember_the_turn_before() -> None:
    clip = read_wav(RECORDINGS / CLIPS[1])
    assert await speech_share(create_vad("auto", 2), clip) == await speech_share(create_vad("auto", 2), clip)
