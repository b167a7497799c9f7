"""Talking over us: we get softer, wait and fall silent; what was said from its first word on is the answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.duplex import MANNERS, MESSAGE, Duplex, Ears, Person, Says, conversation, talk
from tests.support.fakes import Stages, down
from tests.support.virtual_time import BACKEND
from voicemode.audio.frames import Frame
from voicemode.conversation.floor import Floor
from voicemode.conversation.interruption import Verdict, judged
from voicemode.conversation.result import STOPPED_ALOUD
from voicemode.errors import AudioDeviceError, RecordingKeptError
from voicemode.speech.base import Transcript, Voice
from voicemode.text.commands import chosen
from voicemode.transports.base import Microphone, Words

pytestmark = pytest.mark.anyio
ENGLISH = chosen(["language"], "en")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return BACKEND


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Mhm.", Verdict.NOTHING),
        ("Mm-hmm", Verdict.NOTHING),
        ("Yeah, okay.", Verdict.NOTHING),
        ("Right, right.", Verdict.NOTHING),
        ("I see…", Verdict.NOTHING),
        ("", Verdict.NOTHING),
        (" . ", Verdict.NOTHING),
        ("Stop!", Verdict.STOP),
        ("That’s enough.", Verdict.STOP),
        ("Repeat that.", Verdict.REPEAT),
        ("No.", Verdict.TURN),
        ("Yeah, but no.", Verdict.TURN),
        ("Stop the server.", Verdict.TURN),
        ("Wait.", Verdict.TURN),
        ("Okayish", Verdict.TURN),
    ],
)
def test_a_few_words_over_our_voice_say_what_is_wanted(text: str, verdict: Verdict) -> None:
    assert judged(text, ENGLISH) is verdict


@pytest.mark.parametrize(
    ("language", "text", "verdict"),
    [
        ("de", "Genau.", Verdict.NOTHING),
        ("de", "Stopp!", Verdict.STOP),
        ("fr", "D’accord.", Verdict.NOTHING),
        ("fr", "Arrête.", Verdict.STOP),
        ("es", "Vale, vale.", Verdict.NOTHING),
        ("es", "Para.", Verdict.STOP),
    ],
)
def test_in_other_languages_as_well(language: str, text: str, verdict: Verdict) -> None:
    assert judged(text, chosen(["language"], language)) is verdict


def test_without_any_words_that_steer_only_silence_is_nothing() -> None:
    assert judged("Mhm.", {}) is Verdict.TURN
    assert judged("", {}) is Verdict.NOTHING


async def test_who_goes_on_talking_over_us_has_the_turn_and_we_know_what_was_heard(tmp_path: Path) -> None:
    place, speech = Duplex([Person([Says(1.0, 2.0)])], closed=True), Ears("no, the other one")
    said, heard = await talk(place, speech, tmp_path)
    assert (heard.text, heard.ended, heard.note) == ("no, the other one", "silence", "")
    assert heard.audio_seconds == pytest.approx(0.6 + 2.0 + 0.5, abs=0.15)
    assert (said.heard, said.unheard) == ("WordP wordQ wordR", "wordS wordT wordU wordV wordW wordX wordA wordB wordC.")
    assert not said.skipped
    assert place.silent_at < 1.35
    assert sorted(set(place.volumes)) == [0.25, 1.0]
    assert speech.said == [MESSAGE]
    assert list(tmp_path.glob("*.wav")) == []


async def test_what_can_be_read_of_our_message_is_what_was_heard(tmp_path: Path) -> None:
    place = Duplex([Person([Says(1.0, 2.0)])], closed=True)
    await talk(place, Ears("no"), tmp_path)
    assert place.words() == [("", "WordP wordQ wordR"), ("", "no")]
    *whole, cut = [each for each in place.shown if isinstance(each, Words) and each.text != "no"]
    assert all(each.segment == cut.segment and each.text == MESSAGE for each in whole)
    assert cut.interrupted
    assert [each for each in place.shown if isinstance(each, str)] == ["speaking", "listening", "transcribing", "idle"]


@pytest.mark.parametrize("text", ["Mhm.", "Yeah.", ""])
async def test_a_sign_of_listening_or_a_cough_lets_us_go_on_where_we_were(text: str, tmp_path: Path) -> None:
    place = Duplex([Person([Says(1.0, 0.3), Says(6.0, 1.0, 9001)])], closed=True)
    speech = Ears(text, {9001: "fine"})
    said, heard = await talk(place, speech, tmp_path)
    assert (heard.text, said.heard, said.unheard) == ("fine", "", "")
    assert said.seconds == pytest.approx(3.6)
    assert place.silent_at > 3.6 + 0.4, "we waited for their word"
    assert speech.said == [MESSAGE]


async def test_a_word_that_is_an_answer_ends_our_message(tmp_path: Path) -> None:
    place = Duplex([Person([Says(1.0, 0.4)])], closed=True)
    said, heard = await talk(place, Ears("No."), tmp_path)
    assert heard.text == "No."
    assert said.heard == "WordP wordQ wordR"


async def test_stop_ends_the_turn_at_once_and_nothing_is_listened_for(tmp_path: Path) -> None:
    place = Duplex([Person([Says(1.0, 0.4), Says(2.0, 5.0)])], closed=True)
    said, heard = await talk(place, Ears("Stop."), tmp_path)
    assert (heard.text, heard.ended) == ("", STOPPED_ALOUD)
    assert said.heard == "WordP wordQ wordR"
    assert place.now < 2.0
    assert place.open == 0


async def test_stop_that_goes_on_is_an_answer(tmp_path: Path) -> None:
    place = Duplex([Person([Says(1.0, 2.0)])], closed=True)
    _, heard = await talk(place, Ears("Stop the server."), tmp_path)
    assert (heard.text, heard.ended) == ("Stop the server.", "silence")


async def test_stop_while_we_listen_is_an_answer(tmp_path: Path) -> None:
    place = Duplex([Person([Says(4.5, 0.5)])], closed=True)
    _, heard = await talk(place, Ears("Stop."), tmp_path)
    assert (heard.text, heard.ended) == ("Stop.", "silence")


async def test_repeat_says_it_again_from_the_beginning(tmp_path: Path) -> None:
    place = Duplex([Person([Says(1.0, 0.4), Says(7.0, 1.0, 9001)])], closed=True)
    speech = Ears("Repeat that.", {9001: "fine"})
    said, heard = await talk(place, speech, tmp_path)
    assert (heard.text, said.heard, speech.said) == ("fine", "", [MESSAGE] * 2)


async def test_a_noise_that_sounds_like_a_turn_costs_nothing_but_time(tmp_path: Path) -> None:
    place = Duplex([Person([Says(1.0, 1.5), Says(6.5, 1.0, 9001)])], closed=True)
    speech = Ears("", {9001: "fine"})
    said, heard = await talk(place, speech, tmp_path)
    assert (heard.text, said.heard, said.unheard) == ("fine", "", "")
    assert speech.said == [MESSAGE, "wordS wordT wordU wordV wordW wordX wordA wordB wordC."]


class Deaf(Ears):
    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        raise down("whisper is down")


async def test_ears_that_fail_silence_us_and_what_was_said_is_kept(tmp_path: Path) -> None:
    place = Duplex([Person([Says(1.0, 0.3)])], closed=True)
    with pytest.raises(RecordingKeptError):
        await talk(place, Deaf(), tmp_path)
    assert place.silent_at < 1.5
    assert len(list(tmp_path.glob("*.wav"))) == 1


async def test_ears_that_take_long_silence_us(tmp_path: Path) -> None:
    place, speech = Duplex([Person([Says(1.0, 0.3)], stalls_at=2.0)], closed=True), Ears("Mhm.")
    speech.may_hear.clear()
    turn = asyncio.create_task(talk(place, speech, tmp_path))
    async with asyncio.timeout(10):
        while "listening" not in place.shown:
            await asyncio.sleep(0.01)
    speech.may_hear.set()
    _, heard = await turn
    assert heard.text == "Mhm."


async def test_who_begins_at_our_last_word_is_heard_from_the_first_of_theirs(tmp_path: Path) -> None:
    place = Duplex([Person([Says(3.55, 1.0)])], closed=True)
    said, heard = await talk(place, speech := Ears("fine"), tmp_path)
    assert heard.text == "fine"
    assert said.unheard in ("", "wordC.")
    assert speech.heard[-1].seconds == pytest.approx(0.6 + 1.0 + 0.5, abs=0.15)


async def test_where_we_hear_ourselves_nobody_interrupts(tmp_path: Path) -> None:
    place = Duplex([Person([Says(1.0, 2.0), Says(5.0, 1.0, 9001)])], closed=True, echoes=True)
    said, heard = await talk(place, Ears("echo", {9001: "fine"}), tmp_path)
    assert heard.text == "fine"
    assert said.seconds == pytest.approx(3.6)
    assert set(place.volumes) == {1.0}


@pytest.mark.parametrize("how", ["setting", "muted"])
async def test_nobody_interrupts_who_may_not_or_has_muted_the_microphone(how: str, tmp_path: Path) -> None:
    floor = Floor()
    floor.controls.mute(how == "muted")
    place = Duplex([Person([Says(1.0, 2.0)])], closed=True)
    said, heard = await talk(place, Ears(), tmp_path, replace(MANNERS, barge_in=how != "setting"), floor=floor)
    assert heard.ended == "no speech"
    assert said.seconds == pytest.approx(3.6)


async def test_what_is_said_before_muting_counts_and_what_is_said_after_it_does_not(tmp_path: Path) -> None:
    floor, place, speech = Floor(), Duplex([Person([Says(1.0, 9.0)])], closed=True), Ears("no")
    turn = asyncio.create_task(talk(place, speech, tmp_path, floor=floor))
    await place.until(1.4)
    floor.controls.mute(on=True)
    _, heard = await turn
    assert heard.text == "no"
    loud = [sample for sample in memoryview(speech.heard[-1].pcm).cast("h") if sample > 1]
    assert len(loud) / 16_000 == pytest.approx(0.4, abs=0.1)


async def test_a_hand_that_stops_us_tells_what_was_heard_and_after_the_message_that_all_was(tmp_path: Path) -> None:
    for moment, heard in [(1.0, "WordP wordQ wordR"), (4.5, "")]:
        floor, place = Floor(), Duplex([Person()], closed=True)
        turn = asyncio.create_task(talk(place, Ears(), tmp_path, floor=floor))
        await place.until(moment)
        floor.controls.stop()
        said, answer = await turn
        assert (answer.ended, said.heard, bool(said.unheard)) == ("stopped", heard, bool(heard))


@pytest.mark.parametrize("how", ["a hand", "the agent", "a skip"])
async def test_whoever_silences_us_what_can_be_read_is_what_was_heard(how: str, tmp_path: Path) -> None:
    floor, place = Floor(), Duplex([Person()], closed=True)
    turn = asyncio.create_task(talk(place, Ears(), tmp_path, floor=floor))
    await place.until(1.0)
    {"a hand": floor.controls.stop, "the agent": turn.cancel, "a skip": floor.controls.skip}[how]()
    await asyncio.wait([turn])
    cut = [each for each in place.shown if isinstance(each, Words)][-1]
    assert place.words() == [("", "WordP wordQ wordR")]
    assert cut.interrupted


async def test_an_answer_sent_by_hand_without_a_word_is_no_noise(tmp_path: Path) -> None:
    floor, place, speech = Floor(), Duplex([Person([Says(1.0, 1.5)])], closed=True), Ears("")
    turn = asyncio.create_task(talk(place, speech, tmp_path, floor=floor))
    await place.until(2.0)
    assert floor.controls.send()
    _, heard = await turn
    assert (heard.ended, speech.said) == ("sent", [MESSAGE])


async def test_push_to_talk_silences_us_and_records(tmp_path: Path) -> None:
    floor, place, speech = Floor(), Duplex([Person([Says(1.5, 1.0)])], closed=True), Ears("held")
    turn = asyncio.create_task(talk(place, speech, tmp_path, floor=floor))
    await place.until(1.0)
    floor.controls.hold(down=True)
    await place.until(3.0)
    floor.controls.hold(down=False)
    said, heard = await turn
    assert (heard.text, heard.ended, said.heard) == ("held", "sent", "WordP wordQ wordR")
    assert heard.audio_seconds == pytest.approx(2.0, abs=0.1)


async def test_a_microphone_that_falls_silent_in_the_middle_of_a_word_does_not_hold_us_for_ever(tmp_path: Path) -> None:
    place = Duplex([Person([Says(1.0, 0.5)], stalls_at=1.2)])
    _, heard = await talk(place, Ears("no"), tmp_path, replace(MANNERS, rules=replace(MANNERS.rules, patience_seconds=0.1)))
    assert heard.text == "no"


async def test_who_leaves_while_talking_over_us_is_heard(tmp_path: Path) -> None:
    place = Duplex([Person([Says(1.0, 5.0)], leaves_at=1.3)])
    said, heard = await talk(place, Ears("bye"), tmp_path)
    assert (heard.text, said.heard) == ("bye", "WordP wordQ wordR")


async def test_a_microphone_that_breaks_while_we_speak_is_told_at_once(tmp_path: Path) -> None:
    place = Duplex([Person(fails_at=1.0)], closed=True)
    with pytest.raises(AudioDeviceError, match="went away"):
        await talk(place, Ears(), tmp_path)
    assert place.silent_at < 1.2
    assert place.open == 0


async def test_typing_silences_us_and_is_the_answer(tmp_path: Path) -> None:
    floor, place = Floor(), Duplex([Person()])
    turn = asyncio.create_task(talk(place, Ears(), tmp_path, floor=floor))
    await place.until(1.0)
    floor.controls.write("the left one", "Anna")
    said, heard = await turn
    assert (heard.text, heard.ended, said.heard, said.skipped) == ("the left one", "typed", "WordP wordQ wordR", False)


TALK = st.lists(st.tuples(st.integers(0, 300), st.sampled_from([0.1, 0.3, 1.2])), max_size=4)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    talk=TALK,
    text=st.sampled_from(["Mhm.", "Stop.", "Repeat.", "No, wait.", ""]),
    moment=st.floats(0, 10),
    steps=st.integers(0, 12),
)
async def test_cancelled_at_any_moment_everything_is_closed(
    talk: list[tuple[int, float]], text: str, moment: float, steps: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    floor, folder = Floor(), tmp_path_factory.mktemp("turn")
    place = Duplex([Person([Says(at * 0.02, seconds) for at, seconds in talk])], closed=True)
    before = asyncio.all_tasks()
    turn = asyncio.create_task(conversation(place, Ears(text), folder, floor).converse(MESSAGE, Voice(), MANNERS, Stages()))
    await asyncio.sleep(moment)
    for _ in range(steps):
        await asyncio.sleep(0)
    turn.cancel()
    with suppress(asyncio.CancelledError):
        await turn
    await floor.left.settle()
    assert asyncio.all_tasks() == before
    assert place.open == 0
    assert not floor.lock.locked()
    assert floor.controls.state.doing == "idle"


@pytest.mark.parametrize("moment", [0.5, 1.3, 5.2, 6.2])
async def test_who_is_cancelled_again_and_again_leaves_nothing_open(moment: float, tmp_path: Path) -> None:
    floor, place = Floor(), Duplex([Person([Says(1.0, 0.3), Says(4.0, 2.0)])], closed=True)
    speech, before = Ears("Mhm."), asyncio.all_tasks()
    turn = asyncio.create_task(conversation(place, speech, tmp_path, floor).converse(MESSAGE, Voice(), MANNERS, Stages()))
    await place.until(moment)
    speech.may_hear.clear()
    while not turn.done():
        # As the MCP library does.
        turn.cancel()
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert place.open == 0
    assert bool(list(tmp_path.glob("*.wav"))) == (moment > 4.2), "the last words are on disk, too"


class Lingering(Duplex):
    """Its microphones close slowly."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.may_close = asyncio.Event()
        self.most_open = 0

    @asynccontextmanager
    async def microphones(self) -> AsyncIterator[AsyncIterator[Microphone]]:
        async with super().microphones() as microphones:
            self.most_open = max(self.most_open, self.open)
            try:
                yield microphones
            finally:
                await self.may_close.wait()


async def test_the_next_turn_waits_until_the_microphone_of_one_that_was_cancelled_again_and_again_is_closed(
    tmp_path: Path,
) -> None:
    floor, place = Floor(), Lingering([Person([Says(4.0, 1.0)])], closed=True)
    turn = asyncio.create_task(talk(place, Ears("fine"), tmp_path, floor=floor))
    await place.until(1.0)
    while not turn.done():
        turn.cancel()
        await asyncio.sleep(0)
    following = asyncio.create_task(talk(place, Ears("fine"), tmp_path, floor=floor))
    for _ in range(100):
        await asyncio.sleep(0)
    assert place.open == 1, "it still closes"
    place.may_close.set()
    _, heard = await following
    assert (heard.text, place.most_open, place.open) == ("fine", 1, 0)


class Broken(Ears):
    """Its judgement fails in a way that nobody has foreseen."""

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        if not self.heard:
            self.heard.append(audio)
            raise ArithmeticError("no such matrix")
        return await super().transcribe(audio)


async def test_a_judgement_that_fails_whatever_the_reason_does_not_hold_our_voice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = Duplex([Person([Says(1.0, 0.3)])], closed=True)
    said, heard = await talk(place, Broken("no"), tmp_path)
    assert (heard.text, said.heard) == ("no", "WordP wordQ wordR")
    assert "no such matrix" in caplog.text
