"""What an agent reads of a turn."""

from dataclasses import replace

import pytest

from voicemode.conversation.message import Playback
from voicemode.conversation.result import TurnResult
from voicemode.providers import Account
from voicemode.providers.provider import Failure
from voicemode.tools.converse import BEFORE_ANYTHING, NOT_ASKED, NOTHING_SAID, SKIPPED, Reply, reply, why_silent

WHOLE = reply(Playback(1.0, 2.0), TurnResult("yes", "finished"), Account(), 0.0)
BROKEN = reply(Playback(1.0, 2.0, heard="We are", unheard="nearly done."), TurnResult("no", "finished"), Account(), 0.0)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (WHOLE, "yes"),
        (BROKEN, 'no [They broke in after "We are". Not spoken: nearly done.]'),
        (replace(WHOLE, meanwhile="and tests"), "[Said before this turn: and tests]\nyes"),
        (replace(WHOLE, text="Anna: yes\nBen: no"), "Anna: yes\nBen: no"),
        (reply(Playback(1.0, 2.0), NOT_ASKED, Account(), 0.0), "Spoken."),
        (
            reply(Playback(1.0, 2.0, skipped=True, heard="We", unheard="are."), NOT_ASKED, Account(), 0.0),
            f'{SKIPPED}\nThey broke in after "We".\nNot spoken: are.',
        ),
        (reply(Playback(None, 0.0, unheard="We are."), NOT_ASKED, Account(), 0.0), "Not spoken: We are."),
        (reply(Playback(1.0, 2.0), TurnResult("", 'said "over"'), Account(), 0.0), '[No answer: said "over".]'),
    ],
)
def test_it_says_what_was_said_what_was_heard_and_what_came_before(told: Reply, text: str) -> None:
    assert str(told) == text


def test_of_a_long_message_that_was_stopped_only_the_words_around_the_break_come_back() -> None:
    words = [f"word{number}" for number in range(8000)]
    said = Playback(1.0, 20.0, heard=" ".join(words[:60]), unheard=" ".join(words[60:]))
    told = reply(said, TurnResult("", "stopped", "The person stopped the turn."), Account(), 0.0)
    assert told.interrupted_after == f"… {' '.join(words[20:60])}"
    assert told.unspoken == f"{' '.join(words[60:100])} … (7900 more words)"
    assert len(str(told)) < 1000


@pytest.mark.parametrize(
    ("said", "ended", "why"),
    [
        (Playback(None, 0.0), "finished", NOTHING_SAID),
        (Playback(None, 0.0, unheard="We are."), "finished", BEFORE_ANYTHING),
        (Playback(None, 0.0, skipped=True, unheard="We are."), "finished", ""),
        (Playback(None, 0.0, unheard="We are."), "stopped", ""),
    ],
)
def test_a_message_of_which_nothing_was_heard_says_why(said: Playback, ended: str, why: str) -> None:
    assert why_silent(said, TurnResult("", ended)) == why


def test_a_sentence_that_broke_off_says_why() -> None:
    account = Account(unheard=["We are."], failures=[Failure("tts", "http://here", "no answer within 20 s")])
    told = reply(Playback(1.0, 2.0), NOT_ASKED, account, 0.0)
    assert str(told) == "Speech broke off: http://here: no answer within 20 s.\nNot spoken: We are."


def test_where_the_person_broke_in_is_told_by_name() -> None:
    assert (BROKEN.interrupted_after, BROKEN.unspoken) == ("We are", "nearly done.")


def test_what_failed_and_was_not_heard_anyway_is_told_once() -> None:
    said = Playback(1.0, 2.0, heard="We are", unheard="nearly done. Go on?")
    told = reply(said, TurnResult("no", "finished"), Account(unheard=["Go on?"]), 0.0)
    assert told.unspoken == "nearly done. Go on?"
