"""What an agent reads of a turn."""

from dataclasses import replace

import pytest

from voicemode.conversation.message import Playback
from voicemode.conversation.result import TurnResult
from voicemode.providers import Account
from voicemode.tools.converse import NOT_ASKED, SKIPPED, Reply, reply

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


def test_where_the_person_broke_in_is_told_by_name() -> None:
    assert (BROKEN.interrupted_after, BROKEN.unspoken) == ("We are", "nearly done.")


def test_what_failed_and_was_not_heard_anyway_is_told_once() -> None:
    said = Playback(1.0, 2.0, heard="We are", unheard="nearly done. Go on?")
    told = reply(said, TurnResult("no", "finished"), Account(unheard=["Go on?"]), 0.0)
    assert told.unspoken == "nearly done. Go on?"
