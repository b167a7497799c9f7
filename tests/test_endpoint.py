"""When a turn ends: one character is 20 ms, `s` speech, `_` silence."""

import pytest

from voicemode.audio.endpoint import Endpointer, Rules, Turn

SECOND = 50


def run(script: str, rules: Rules) -> tuple[Turn, float]:
    """How the turn ended, and after how many seconds of audio."""
    endpointer = Endpointer(rules)
    for count, char in enumerate(script, start=1):
        if endpointer.feed(char == "s", 0.02).done:
            return endpointer.turn, count * 0.02
    return endpointer.turn, len(script) * 0.02


@pytest.mark.parametrize(
    ("script", "turn", "seconds"),
    [
        pytest.param("s" * SECOND + "_" * 60, Turn.ENDED, 2.0, id="silence after speech ends the turn"),
        pytest.param("_" * 600, Turn.NO_SPEECH, 10.0, id="patience ends without a word"),
        pytest.param("s_" * 400, Turn.NO_SPEECH, 10.0, id="clicks do not begin a turn"),
        pytest.param("_" * 495 + "s" * 50 + "_" * 60, Turn.ENDED, 11.9, id="a word begun at the last moment is heard"),
        pytest.param("s" * 9000, Turn.TOO_LONG, 120.0, id="the longest turn is counted from its first word"),
        pytest.param("_" * 250 + "s" * 9000, Turn.TOO_LONG, 125.0, id="waiting does not shorten it"),
        pytest.param("s" * 50 + "_" * 49 + "s" + "_" * 50, Turn.ENDED, 3.0, id="a word within the pause starts it anew"),
        pytest.param("s" * 50 + "_" * 20, Turn.PAUSED, 1.4, id="a short pause is a pause"),
        pytest.param("s" * 5, Turn.WAITING, 0.1, id="a cough is not a turn"),
    ],
)
def test_a_turn(script: str, turn: Turn, seconds: float) -> None:
    ended, after = run(script, Rules())
    assert ended is turn
    assert after == pytest.approx(seconds, abs=0.021)


def test_nothing_changes_after_the_end() -> None:
    endpointer = Endpointer(Rules(silence_seconds=0.1))
    for char in "s" * 20 + "_" * 5:
        endpointer.feed(char == "s", 0.02)
    assert endpointer.feed(True, 100.0) is Turn.ENDED
