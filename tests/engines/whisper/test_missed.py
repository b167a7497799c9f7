"""Pictures of 0.1 s a character: where there is sound, and which token was heard there."""

import pytest

from voicemode.engines.whisper.missed import missed

STEPS = 5
"""Encoder steps of 20 ms, for each character."""


@pytest.mark.parametrize(
    ("sound", "tokens", "cut"),
    [
        # As many words as there is sound.
        ("###..####..", "00011112222", None),
        ("", "", None),
        ("...........", "00000000000", None),
        # What is said before the pause, and after it, has no word of its own.
        ("#########...####", "0000000000001123", 10.5),
        ("####...#########", "0123333333333333", 5.5),
        # The pause counts as the last word that was read.
        ("####...#########", "0122222333333333", 5.5),
        # In the middle, between two pauses: the longer one tells it from more.
        ("###..########....###", "00011111111111111233", 15),
        # A long word is no sentence; neither is a long pause, nor the room before and after.
        ("####...###.", "00000000011", None),
        ("####............###", "0122222222222222345", None),
        ("....##########....", "000000000000000000", None),
        # A breath is no pause: it may be within a word.
        ("#####.#####...##", "0000000000011111", 12.5),
        ("#####.#####", "00000000000", None),
    ],
)
def test_sound_beside_a_pause_that_no_word_was_heard_in_has_been_missed(sound: str, tokens: str, cut: float | None) -> None:
    loud = [character == "#" for character in sound for _ in range(STEPS)]
    steps = [(int(token), at) for at, token in enumerate(token for token in tokens for _ in range(STEPS))]
    assert missed(steps, loud) == (None if cut is None else int(cut * STEPS))
