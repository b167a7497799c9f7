import itertools
import random
from array import array
from collections.abc import Callable
from typing import Literal

import pytest

from tests.support.frames import rechunk
from voicemode.audio.cues import done_cue, listening_cue
from voicemode.audio.frames import Frame, join, pcm_of, samples_of, silence, stream
from voicemode.audio.turns.endpointer import Endpointer, Rules, TurnState
from voicemode.audio.vad import RATE, create_vad

pytestmark = pytest.mark.anyio
CUES = [listening_cue, done_cue]
Make = Callable[[int], Frame]


@pytest.mark.parametrize("cue", CUES)
@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_a_cue_is_shorter_than_any_beginning_of_a_turn_and_soft(cue: Make, rate: int) -> None:
    frame = cue(rate)
    assert frame.rate == rate
    assert frame.seconds < Rules().onset_seconds - 0.05
    assert 1000 < max(map(abs, samples_of(frame.pcm))) < 5000


@pytest.mark.parametrize("cue", CUES)
def test_a_cue_does_not_click(cue: Make) -> None:
    samples = samples_of(cue(24_000).pcm)
    assert abs(samples[0]) < 20
    assert abs(samples[-1]) < 20
    assert max(abs(b - a) for a, b in itertools.pairwise(samples)) < 1000


def test_the_cues_differ() -> None:
    assert len({cue(24_000).pcm for cue in CUES}) == len(CUES)


@pytest.mark.parametrize("kind", ["silero", "webrtc"])
@pytest.mark.parametrize("aggressiveness", [0, 2, 3])
@pytest.mark.parametrize("noise", [0, 3, 30])
@pytest.mark.parametrize("cue", CUES)
async def test_a_cue_in_the_microphone_is_not_heard_as_a_turn(
    cue: Make, noise: int, aggressiveness: int, kind: Literal["silero", "webrtc"]
) -> None:
    vad, endpointer = create_vad(kind, aggressiveness), Endpointer(Rules(patience_seconds=1.5))
    sound = hissing(join([silence(0.5, RATE), cue(RATE), silence(1.5, RATE)], RATE), noise)
    turns = [endpointer.feed(vad.is_speech(frame), frame.seconds) async for frame in rechunk(stream(sound), vad.frame_seconds)]
    assert TurnState.SPEAKING not in turns
    assert endpointer.turn is TurnState.NO_SPEECH


def hissing(frame: Frame, level: int) -> Frame:
    chance = random.Random(1)
    return Frame(pcm_of(array("h", (round(s + chance.gauss(0, level)) for s in samples_of(frame.pcm)))), frame.rate)
