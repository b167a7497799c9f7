"""How a text reads, and what in it is meant for us."""

import pytest

from voicemode.text.commands import Heeded, chosen, heed
from voicemode.text.completeness import BROKEN_OFF, FINISHED, LIKELY, SELDOM, SUBORDINATE, UNFINISHED, UNKNOWN, reads_finished

ENGLISH = chosen(["language"], "")


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("", "", None),
        ("", " ... ", None),
        ("", "He was not an ill-disposed young man.", FINISHED),
        ("", "Yes.", FINISHED),
        ("", "Where are you from?", FINISHED),
        ("", "However, due to the slow channels", BROKEN_OFF),
        ("", "So it's mostly,", BROKEN_OFF),
        ("", "It's big and,", UNFINISHED),
        ("", "He might even have...", UNFINISHED),
        ("", "And then I went to the.", UNFINISHED),
        ("", "I would like that because.", UNFINISHED),
        ("", "And so my fellow Americans, ask not.", LIKELY),
        ("", "It depends on how acidic it is.", SELDOM),
        ("", "Yes, I do.", LIKELY),
        ("", "Yes, I can.", FINISHED),
        ("", "No, it isn’t. There is.", FINISHED),
        ("", "Please do that.", LIKELY),
        ("", "They said that they will.", SELDOM),
        ("ja", "はい？", FINISHED),
        ("", "I'd like you to take.", SELDOM),
        ("", "If you ask me.", SUBORDINATE),
        ("", "Fine. If you ask me, it works.", FINISHED),
        ("de", "Das ist schön.", FINISHED),
        ("de", "Ich glaube, dass.", UNFINISHED),
        ("de", "Wenn du mich fragst.", SUBORDINATE),
        ("de", "Das habe ich nicht.", LIKELY),
        ("fr", "Je voudrais du.", UNFINISHED),
        ("fr", "Quand il arrive.", SUBORDINATE),
        ("fr", "C'est parfait.", FINISHED),
        ("es", "Quiero ir a la.", UNFINISHED),
        ("es", "Está muy bien.", FINISHED),
        ("ja", "そうですね。", UNKNOWN),
        ("ja", "そうですね", None),
    ],
)
def test_how_a_text_reads(language: str, text: str, expected: float | None) -> None:
    assert reads_finished(text, language) == expected


@pytest.mark.parametrize(
    ("text", "heeded"),
    [
        ("Call them tomorrow. Over.", Heeded("Call them tomorrow.", "over", "send")),
        ("Call them tomorrow, over.", Heeded("Call them tomorrow", "over", "send")),
        ("Over.", Heeded("", "over", "send")),
        ("I’m done.", Heeded("", "i'm done", "send")),
        ("The game is over.", Heeded("The game is over.")),
        ("Over the hill.", Heeded("Over the hill.")),
        ("Is it big? Let me think...", Heeded("Is it big?", "let me think", "wait")),
        ("Repeat that, please.", Heeded("Repeat that, please.")),
        ("Repeat.", Heeded("", "repeat", "repeat")),
        ("Do not repeat.", Heeded("Do not repeat.")),
        ("Add a test. Repeat.", Heeded("Add a test. Repeat.")),
        ("", Heeded("")),
    ],
)
def test_words_that_steer_stand_alone_or_at_the_end(text: str, heeded: Heeded) -> None:
    assert heed(text, ENGLISH) == heeded


def test_words_that_steer_are_those_of_the_settings_and_of_the_language() -> None:
    assert heed("Mach das. Ende.", chosen(["language"], "de")) == Heeded("Mach das.", "ende", "send")
    assert heed("Do it. Roger.", chosen(["Roger=send"], "")) == Heeded("Do it.", "roger", "send")
    assert heed("Do it. Over.", chosen(["Roger=send"], "")) == Heeded("Do it. Over.")
    assert heed("Over.", chosen([], "")) == Heeded("Over.")
