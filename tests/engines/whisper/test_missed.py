"""Pictures of 0.1 s a character: where there is sound, and which token was heard there."""

import pytest

from voicemode.engines.whisper.missed import missed, wordless

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
        ("####.####", "000000000", None),
        # But no word is so long, with a pause in it or without one.
        ("######.######", "0000000000000", 6.5),
        ("############", "000000000000", None),
        # The next sentence begins a little before its token is said to.
        ("####...#########", "0111111122222222", 5.5),
    ],
)
def test_sound_beside_a_pause_that_no_word_was_heard_in_has_been_missed(sound: str, tokens: str, cut: float | None) -> None:
    loud = [character == "#" for character in sound for _ in range(STEPS)]
    steps = [(int(token), at) for at, token in enumerate(token for token in tokens for _ in range(STEPS))]
    assert missed(steps, loud) == (None if cut is None else int(cut * STEPS))


def test_no_word_is_a_second_long() -> None:
    steps = [(0, 0), (0, 40), (1, 41), (1, 110), (2, 111), (2, 150)]
    assert list(wordless(steps, [True] * 151)) == [range(41, 111)]
    assert list(wordless(steps, [False] * 151)) == []
