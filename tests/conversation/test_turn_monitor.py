"""Watching how a turn is heard."""

import pytest

from tests.support.fakes import QUICK, FakeSpeech, detectors, down, tone
from voicemode.audio.frames import Frame, Frames, silence, stream
from voicemode.audio.turns.endpointer import TurnState
from voicemode.conversation.turn_monitor import Outcome, TurnMonitor
from voicemode.conversation.utterance import Expected, TurnSnapshot

pytestmark = pytest.mark.anyio


class Early(FakeSpeech):
    """Makes a text where a turn pauses."""

    def early(self, language: str = "") -> bool:
        return True


def microphone(*said: Frame) -> Frames:
    return stream(*(Frame(each.pcm[at : at + 640], each.rate) for each in said for at in range(0, len(each.pcm), 640)))


async def watched(ears: FakeSpeech, mic: Frames) -> tuple[list[TurnSnapshot], Outcome]:
    glimpses = list[TurnSnapshot]()
    monitor = TurnMonitor(detectors, QUICK, ears, Expected())
    return glimpses, await monitor.turn(mic, glimpses.append)


async def test_each_moment_of_a_turn_is_seen_and_why_it_ended() -> None:
    glimpses, outcome = await watched(FakeSpeech(), microphone(silence(0.4, 16_000), tone(0.6), silence(1, 16_000)))
    assert list(dict.fromkeys(glimpse.turn for glimpse in glimpses)) == [
        TurnState.WAITING,
        TurnState.SPEAKING,
        TurnState.PAUSED,
    ]
    assert max(glimpse.level_db for glimpse in glimpses) == pytest.approx(-11.2, abs=0.1)
    assert {glimpse.speech for glimpse in glimpses} == {0.0, 1.0}
    pauses = [glimpse.pause_seconds for glimpse in glimpses if glimpse.turn is TurnState.PAUSED]
    assert pauses == sorted(pauses)
    assert outcome.ended == "silence"
    assert outcome.last.pause_seconds == pytest.approx(outcome.last.wait_seconds) == pytest.approx(0.5)
    assert outcome.text == ""


async def test_where_a_text_is_made_at_each_pause_it_is_shown() -> None:
    _, outcome = await watched(Early("yes please"), microphone(tone(0.6), silence(1, 16_000)))
    assert outcome.text == "yes please"


async def test_a_text_that_cannot_be_had_spoils_no_picture() -> None:
    _, outcome = await watched(Early(error=down()), microphone(tone(0.6), silence(1, 16_000)))
    assert outcome.ended == "silence"
    assert outcome.text == "(connection refused)"


async def test_nobody_speaking_and_a_dead_microphone_are_told_apart() -> None:
    _, dead = await watched(FakeSpeech(), microphone(silence(3, 16_000)))
    _, quiet = await watched(FakeSpeech(), microphone(tone(3, level=1)))
    assert (dead.ended, dead.seconds, dead.dead) == ("no speech", 0.0, True)
    assert (quiet.ended, quiet.seconds, quiet.dead) == ("no speech", 0.0, False)


async def test_a_microphone_that_ends_is_no_end_of_a_turn() -> None:
    _, outcome = await watched(FakeSpeech(), microphone(tone(0.6)))
    assert not outcome.last.turn.done
