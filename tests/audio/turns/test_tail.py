"""Sounds in a pause: `S` speech, `h` a quiet sound that the detector misses, `_` the room, `.` digital silence."""

import pytest

from tests.support.fakes import tone
from voicemode.audio.turns.tail import Tail

LEVELS = {"S": 3000, "h": 300, "_": 15, ".": 0, "n": 400}


def ends(script: str) -> list[int]:
    """Where a sound in the pause has ended."""
    tail = Tail()
    return [
        place
        for place, char in enumerate(script)
        if tail.ended(tone(0.032, LEVELS[char]), is_speech=char == "S", paused="S" in script[:place] and char != "S")
    ]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("____SSSSSSSS________", [], id="a pause is quiet"),
        pytest.param("____SSSSSSSS____hhhh____", [20], id="the end of a word comes late"),
        pytest.param("....SSSSSSSS....hhhh....", [20], id="and without any noise in the room"),
        pytest.param("____SSSSSSSS____h____", [], id="a click is none"),
        pytest.param("nnnnSSSSSSSSnnnnnnnnnn", [], id="nor is the noise of the room"),
    ],
)
def test_a_sound_in_a_pause(script: str, expected: list[int]) -> None:
    assert ends(script) == expected
