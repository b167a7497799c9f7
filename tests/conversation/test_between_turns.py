"""Between turns: what people say and write while the agent works comes with the next turn."""

import asyncio
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.duplex import MANNERS, MESSAGE, Duplex, Ears, Person, Says, conversation
from tests.support.fakes import Stages, down
from tests.support.virtual_time import BACKEND
from voicemode.audio.frames import Frame
from voicemode.conversation.between_turns import BetweenTurns
from voicemode.conversation.conversation import Conversation
from voicemode.conversation.floor import Floor
from voicemode.speech.base import Transcript, Voice

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
KEEPING = replace(MANNERS, keep_listening=True)
TEXTS = {9001: "yes", 9002: "and one more thing", 9003: "over there"}
YES = Says(0.3, 0.7, 9001)
MORE, LONGER = Says(3.0, 0.7, 9002), Says(3.0, 2.0, 9002)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return BACKEND


async def until(holds: object) -> None:
    assert callable(holds)
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def between_turns(
    folder: Path, *says: Says, until: float, ears: Ears | None = None
) -> tuple[Floor, Duplex, Conversation]:
    """Somebody has said yes to a first question, and `until` then some of what else they say: the agent works."""
    floor, place = Floor(), Duplex([Person([YES, *says])], closed=True)
    talk = conversation(place, ears or Ears("", TEXTS), folder, floor)
    assert (await talk.listen(KEEPING, Stages())).text == "yes"
    await place.until(until)
    return floor, place, talk


async def test_what_is_said_while_the_agent_works_comes_with_the_next_turn(tmp_path: Path) -> None:
    floor, place, talk = await between_turns(tmp_path, MORE, Says(7.5, 1.0, 9003), until=6.0)
    assert place.open == 1, "the microphone stays open"
    assert len(list(tmp_path.glob("*.wav"))) == 1, "not even a crash loses it"
    _, heard = await talk.converse("Well?", Voice(), KEEPING, Stages())
    assert heard.text == "over there"
    assert (await talk.meanwhile()).text == "and one more thing"
    assert (await talk.meanwhile()).text == ""
    await floor.meanwhile.close()
    assert place.open == 0
    assert list(tmp_path.glob("*.wav")) == []


async def test_the_agent_whose_call_has_ended_is_told_nothing_more(tmp_path: Path) -> None:
    floor, stages = Floor(), Stages()
    place = Duplex([Person([YES, MORE])], closed=True)
    await conversation(place, Ears("", TEXTS), tmp_path, floor).listen(KEEPING, stages)
    told = len(stages)
    await place.until(5.0)
    await floor.meanwhile.close()
    assert stages[told:] == []
    assert ("", TEXTS[9002]) in place.words(), "those who can see are"


async def test_without_the_setting_the_microphone_is_closed(tmp_path: Path) -> None:
    floor, place = Floor(), Duplex([Person([YES])], closed=True)
    await conversation(place, Ears("yes"), tmp_path, floor).listen(MANNERS, Stages())
    assert place.open == 0


async def test_without_it_what_is_said_while_we_transcribe_is_not_recorded_as_nobody_would_be_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    floor, place, ears = Floor(), Duplex([Person([YES, Says(2.0, 2.0, 9002)])], closed=True), Ears("", TEXTS)
    ears.may_hear.clear()
    turn = asyncio.create_task(conversation(place, ears, tmp_path, floor).listen(MANNERS, Stages()))
    await place.until(3.5)
    assert len(list(tmp_path.glob("*.wav"))) <= 1
    ears.may_hear.set()
    assert (await turn).text == "yes"
    assert list(tmp_path.glob("*.wav")) == []
    assert "is kept in" not in caplog.text


async def test_who_speaks_when_the_next_turn_begins_is_waited_for_before_we_speak(tmp_path: Path) -> None:
    _, place, talk = await between_turns(tmp_path, LONGER, Says(7.0, 1.0, 9003), until=4.0)
    before = place.now
    _, heard = await talk.converse("Well?", Voice(), MANNERS, Stages())
    assert before < 5.0
    assert place.silent_at > 5.4
    assert (heard.text, (await talk.meanwhile()).text) == ("over there", "and one more thing")


async def test_who_speaks_when_we_only_listen_goes_on_with_their_answer(tmp_path: Path) -> None:
    _, _, talk = await between_turns(tmp_path, LONGER, until=4.0)
    heard = await talk.listen(MANNERS, Stages())
    assert (heard.text, (await talk.meanwhile()).text) == ("and one more thing", "")
    assert heard.audio_seconds > 2.0


async def test_each_turn_has_its_own_patience_however_long_nobody_spoke_before_it(tmp_path: Path) -> None:
    _, place, talk = await between_turns(tmp_path, until=3.0)
    before = place.now
    assert (await talk.listen(MANNERS, Stages())).ended == "no speech"
    assert place.now - before == pytest.approx(MANNERS.rules.patience_seconds, abs=0.1)


async def test_what_is_written_in_the_turn_of_one_agent_is_not_told_another(tmp_path: Path) -> None:
    floor, place = Floor(), Duplex([Person()])
    talk = conversation(place, Ears(), tmp_path, floor)
    listening = asyncio.create_task(talk.listen(MANNERS, Stages()))
    await until(lambda: "listening" in place.shown)
    floor.controls.write("yes")
    assert (await talk.meanwhile()).text == "", "another agent, whose turn has just ended"
    assert (await listening).text == "yes"


async def test_who_still_speaks_when_no_turn_comes_is_understood(tmp_path: Path) -> None:
    floor = Floor()
    floor.meanwhile = BetweenTurns(listen_seconds=1.0)
    place = Duplex([Person([YES, Says(1.6, 1e6, 9002)])], closed=True)
    talk = conversation(place, Ears("", TEXTS), tmp_path, floor)
    await talk.listen(replace(KEEPING, rules=replace(KEEPING.rules, max_seconds=1e9)), Stages())
    await until(lambda: place.open == 0)
    assert (await talk.meanwhile()).text == "and one more thing"


async def test_who_talks_over_a_message_that_wants_no_answer_is_heard_all_the_same(tmp_path: Path) -> None:
    floor, place, talk = await between_turns(tmp_path, Says(4.0, 2.0, 9002), until=2.5)
    said = await talk.say(MESSAGE, Voice(), KEEPING, Stages())
    await place.until(7.0)
    assert said.unheard
    assert (await talk.meanwhile()).text == "and one more thing"
    await floor.meanwhile.close()


async def test_nothing_is_heard_between_turns_while_muted(tmp_path: Path) -> None:
    floor, place, talk = await between_turns(tmp_path, MORE, until=0.0)
    floor.controls.mute(True)
    await place.until(6.0)
    assert (await talk.meanwhile()).text == ""
    await floor.meanwhile.close()
    assert list(tmp_path.glob("*.wav")) == []


@pytest.mark.parametrize("closed_by", ["time", "a microphone that breaks"])
async def test_the_microphone_is_closed_when_no_turn_comes_or_it_breaks(closed_by: str, tmp_path: Path) -> None:
    floor = Floor()
    if closed_by == "time":
        floor.meanwhile = BetweenTurns(listen_seconds=0.3)
    person = Person([YES, MORE], fails_at=1e9 if closed_by == "time" else 6.0)
    place = Duplex([person], closed=True)
    talk = conversation(place, Ears("", TEXTS), tmp_path, floor)
    await talk.listen(KEEPING, Stages())
    await until(lambda: place.open == 0)
    assert closed_by == "time" or (await talk.meanwhile()).text == "and one more thing"


async def test_the_end_of_the_program_leaves_what_was_not_told_on_disk(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    floor, place, _ = await between_turns(tmp_path, Says(3.0, 9.0, 9002), until=5.0)
    await floor.meanwhile.close()
    await floor.left.settle()
    assert place.open == 0
    assert asyncio.all_tasks() == before
    (path,) = tmp_path.glob("*.wav")
    with wave.open(str(path)) as recording:
        assert recording.getnframes() > 1.5 * 16_000


async def test_a_turn_on_another_transport_closes_the_microphone_and_tells_what_was_said(tmp_path: Path) -> None:
    floor, here, _ = await between_turns(tmp_path, MORE, until=5.0)
    there = Duplex([Person([Says(0.3, 0.7, 9003)])], closed=True)
    talk = conversation(there, Ears("", TEXTS), tmp_path, floor)
    assert (await talk.listen(MANNERS, Stages())).text == "over there"
    assert (await talk.meanwhile()).text == "and one more thing"
    assert (here.open, there.open) == (0, 0)


async def test_what_is_typed_between_turns_comes_with_the_next_without_any_setting(tmp_path: Path) -> None:
    floor, place = Floor(), Duplex([Person([YES])], closed=True)
    floor.controls.write("and do not forget the tests")
    talk = conversation(place, Ears("yes"), tmp_path, floor)
    heard = await talk.listen(MANNERS, Stages())
    assert (heard.text, heard.ended) == ("yes", "silence")
    assert (await talk.meanwhile()).text == "and do not forget the tests"


class Deaf(Ears):
    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        transcript = await super().transcribe(audio)
        if transcript.text != TEXTS[9001]:
            raise down("whisper is down")
        return transcript


async def test_what_nobody_understands_between_turns_is_kept_and_told(tmp_path: Path) -> None:
    floor, _, talk = await between_turns(tmp_path, MORE, until=5.0, ears=Deaf("", TEXTS))
    await floor.meanwhile.stop()
    (kept,) = tmp_path.glob("*.wav")
    assert f"voicemode transcribe {kept}" in (await talk.meanwhile()).note


async def test_a_turn_that_a_hand_has_stopped_leaves_no_recording_and_no_open_microphone(tmp_path: Path) -> None:
    floor, place = Floor(), Duplex([Person([Says(0.3, 9.0)])], closed=True)
    turn = asyncio.create_task(conversation(place, Ears(), tmp_path, floor).listen(KEEPING, Stages()))
    await place.until(2.0)
    floor.controls.stop()
    assert (await turn).ended == "stopped"
    assert place.open == 0
    assert list(tmp_path.glob("*.wav")) == []
