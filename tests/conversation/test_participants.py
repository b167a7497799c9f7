"""Several people, each with a microphone: a turn ends when everybody who has begun has ended, and nothing said is lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.duplex import MANNERS, MESSAGE, Duplex, Ears, Person, Says, talk
from tests.support.fakes import down
from tests.support.virtual_time import BACKEND
from voicemode.audio.frames import Frame
from voicemode.audio.turns.endpointer import Rules
from voicemode.conversation.floor import Floor
from voicemode.conversation.result import SpokenLine, text_of
from voicemode.conversation.turn import TurnOptions
from voicemode.errors import RecordingKeptError, RoomError
from voicemode.speech.base import Transcript
from voicemode.transports.base import Microphone

pytestmark = pytest.mark.anyio
TEXTS = {9001: "I think so.", 9002: "So do I.", 9003: "And now?"}


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return BACKEND


@pytest.mark.parametrize(
    ("lines", "several", "text"),
    [
        ([], True, ""),
        ([SpokenLine("yes")], False, "yes"),
        ([SpokenLine("yes", "Anna")], False, "yes"),
        ([SpokenLine("yes", "Anna")], True, '"Anna": yes'),
        ([SpokenLine("yes", "Anna"), SpokenLine("no", "Ben")], False, '"Anna": yes\n"Ben": no'),
        ([SpokenLine("yes", "Anna"), SpokenLine("sure", "Anna", typed=True)], True, '"Anna": yes\n"Anna": sure'),
        ([SpokenLine("yes", "Ben"), SpokenLine("sure", "Ben", typed=True)], False, "yes sure"),
        ([SpokenLine("yes", "Anna"), SpokenLine("typed")], True, '"Anna": yes\nSomebody: typed'),
    ],
)
def test_who_said_what_is_told_where_there_are_several(lines: list[SpokenLine], several: bool, text: str) -> None:
    assert text_of(lines, several=several) == text


async def company(
    folder: Path, *people: Person, speech: Ears | None = None, options: TurnOptions = MANNERS
) -> tuple[str, str, str]:
    """Text, end and note of a turn that begins with listening."""
    place = Duplex(people)
    _, heard = await talk(place, speech or Ears("", TEXTS), folder, options, message="")
    assert place.open == 0
    return heard.text, heard.ended, heard.note


async def test_people_who_talk_at_once_are_both_heard_in_the_order_they_began_in(tmp_path: Path) -> None:
    anna, ben = Person([Says(0.5, 2.0, 9001)], "Anna"), Person([Says(0.3, 0.8, 9002)], "Ben")
    assert (await company(tmp_path, anna, ben))[0] == '"Ben": So do I.\n"Anna": I think so.'
    assert list(tmp_path.glob("*.wav")) == []


async def test_what_is_added_while_another_still_speaks_belongs_to_the_turn(tmp_path: Path) -> None:
    anna, ben = Person([Says(0.3, 0.5, 9001), Says(2.0, 0.5, 9003)], "Anna"), Person([Says(0.5, 3.0, 9002)], "Ben")
    assert (await company(tmp_path, anna, ben))[0] == '"Anna": I think so.\n"Ben": So do I.\n"Anna": And now?'


async def test_who_begins_when_the_other_ends_is_waited_for(tmp_path: Path) -> None:
    anna, ben = Person([Says(0.3, 0.7, 9001)], "Anna"), Person([Says(1.4, 1.0, 9002)], "Ben")
    assert (await company(tmp_path, anna, ben))[0] == '"Anna": I think so.\n"Ben": So do I.'


async def test_of_two_the_one_who_speaks_is_named_and_one_alone_is_not(tmp_path: Path) -> None:
    anna = Person([Says(0.3, 0.7, 9001)], "Anna")
    assert (await company(tmp_path, anna, Person(name="Ben")))[0] == '"Anna": I think so.'
    assert (await company(tmp_path, anna))[0] == "I think so."


async def test_who_comes_in_the_middle_of_the_turn_is_heard(tmp_path: Path) -> None:
    anna, ben = Person([Says(0.3, 1.5, 9001)], "Anna"), Person([Says(1.5, 0.7, 9002)], "Ben", comes_at=1.0)
    assert (await company(tmp_path, anna, ben))[0] == '"Anna": I think so.\n"Ben": So do I.'


async def test_who_leaves_in_the_middle_of_a_word_is_heard_up_to_there(tmp_path: Path) -> None:
    anna, ben = Person([Says(0.3, 9.0, 9001)], "Anna", leaves_at=1.0), Person([Says(0.5, 1.0, 9002)], "Ben")
    assert (await company(tmp_path, anna, ben))[0] == '"Anna": I think so.\n"Ben": So do I.'


async def test_a_microphone_that_breaks_loses_nothing_of_what_was_said(tmp_path: Path) -> None:
    anna, ben = Person([Says(0.3, 9.0, 9001)], "Anna", fails_at=1.0), Person([Says(0.5, 1.0, 9002)], "Ben")
    assert (await company(tmp_path, anna, ben))[0] == '"Anna": I think so.\n"Ben": So do I.'


class HalfDeaf(Ears):
    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        transcript = await super().transcribe(audio)
        if transcript.text == TEXTS[9001]:
            raise down("whisper is down")
        return transcript


async def test_where_one_is_not_understood_the_other_is_told_and_the_recording_kept(tmp_path: Path) -> None:
    anna, ben = Person([Says(0.3, 1.0, 9001)], "Anna"), Person([Says(0.5, 1.0, 9002)], "Ben")
    text, _, note = await company(tmp_path, anna, ben, speech=HalfDeaf("", TEXTS))
    (kept,) = tmp_path.glob("*.wav")
    assert text == '"Ben": So do I.'
    assert f"voicemode transcribe {kept}" in note


async def test_where_nobody_is_understood_that_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingKeptError):
        await company(tmp_path, Person([Says(0.3, 1.0, 9001)], "Anna"), Person(name="Ben"), speech=HalfDeaf("", TEXTS))


async def test_everybody_is_waited_for_and_nobody_for_ever(tmp_path: Path) -> None:
    late = Person([Says(2.5, 0.7, 9002)], "Ben", comes_at=1.5)
    assert (await company(tmp_path, Person(name="Anna"), late))[0] == '"Ben": So do I.'
    assert (await company(tmp_path, Person(name="Anna"), Person(name="Ben")))[1] == "no speech"


SHORT = replace(MANNERS, rules=replace(MANNERS.rules, patience_seconds=0.1))


async def test_where_there_is_nobody_a_clock_ends_the_turn(tmp_path: Path) -> None:
    assert (await company(tmp_path, options=SHORT))[1] == "no speech"


async def test_where_everybody_has_left_a_clock_ends_the_turn(tmp_path: Path) -> None:
    assert (await company(tmp_path, Person(name="Anna", leaves_at=0.2), options=SHORT))[1] == "no speech"


async def test_a_network_that_is_lost_in_the_middle_of_a_word_ends_it(tmp_path: Path) -> None:
    anna = Person([Says(0.05, 9.0, 9001)], "Anna", stalls_at=1.0)
    assert (await company(tmp_path, anna, options=SHORT))[0] == "I think so."


async def test_two_who_never_stop_are_ended_together(tmp_path: Path) -> None:
    short = replace(MANNERS, rules=Rules(silence_seconds=0.5, max_seconds=3.0))
    anna, ben = Person([Says(0.3, 60.0, 9001)], "Anna"), Person([Says(0.5, 60.0, 9002)], "Ben")
    text, ended, _ = await company(tmp_path, anna, ben, options=short)
    assert (text, ended) == ('"Anna": I think so.\n"Ben": So do I.', "too long")


async def test_who_talks_over_us_is_heard_and_so_is_who_joins_in(tmp_path: Path) -> None:
    place = Duplex([Person([Says(1.0, 2.0, 9001)], "Anna"), Person([Says(1.2, 1.0, 9002)], "Ben")])
    said, heard = await talk(place, Ears("", TEXTS), tmp_path)
    assert heard.text == '"Anna": I think so.\n"Ben": So do I.'
    assert said.heard == "WordP wordQ wordR"


async def test_stop_counts_only_if_nobody_else_says_anything(tmp_path: Path) -> None:
    place = Duplex([Person([Says(1.0, 0.4, 9004)], "Anna"), Person([Says(1.5, 2.0, 9002)], "Ben")])
    _, heard = await talk(place, Ears("", TEXTS | {9004: "Stop."}), tmp_path)
    assert "So do I." in heard.text


async def test_what_is_typed_comes_with_what_was_said(tmp_path: Path) -> None:
    floor = Floor()
    place = Duplex([Person([Says(0.3, 9.0, 9001)], "Anna"), Person(name="Ben")])
    turn = asyncio.create_task(talk(place, Ears("", TEXTS), tmp_path, message="", floor=floor))
    await asyncio.sleep(0)
    await place.until(1.0)
    floor.controls.write("I cannot talk", "Ben")
    _, heard = await turn
    assert (heard.text, heard.ended) == ('"Anna": I think so.\n"Ben": I cannot talk', "typed")


async def test_who_asks_to_hear_it_again_does_not_silence_the_others(tmp_path: Path) -> None:
    anna, ben = Person([Says(1.0, 2.0, 9001)], "Anna"), Person([Says(1.5, 0.5, 9002)], "Ben")
    speech = Ears("", {9001: "The left one.", 9002: "Repeat that."})
    _, heard = await talk(Duplex([ben, anna]), speech, tmp_path, message="Which one?")
    assert heard.text == '"Anna": The left one.'


class Room(Duplex):
    """It ends, with all who are in it."""

    ends_at = 2.0

    async def _coming(self) -> AsyncIterator[Microphone]:
        for person in self.people:
            yield Microphone(self._frames(person), person.name)
        await self.until(self.ends_at)
        raise RoomError("The room has been ended.")


@pytest.mark.parametrize("leave_first", [True, False])
async def test_what_was_said_in_a_room_before_it_ended_is_the_answer(leave_first: bool, tmp_path: Path) -> None:
    anna = Person([Says(1.0, 9.0, 9001)], "Anna", leaves_at=2.0 if leave_first else 1e9)
    _, heard = await talk(Room([anna]), Ears("", TEXTS), tmp_path, message="")
    assert (heard.text, heard.note) == ("I think so.", "The room has been ended.")


async def test_what_was_said_over_our_voice_when_the_room_ended_is_the_answer(tmp_path: Path) -> None:
    _, heard = await talk(Room([Person([Says(1.7, 9.0, 9001)], "Anna")]), Ears("", TEXTS), tmp_path)
    assert heard.text == "I think so."


async def test_a_room_that_ends_without_a_word_is_an_error(tmp_path: Path) -> None:
    for message in ("", MESSAGE):
        with pytest.raises(RoomError, match="has been ended"):
            await talk(Room([Person(name="Anna")]), Ears(), tmp_path, message=message)
