"""Work that is done before the turn has ended, and is right all the same."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.fakes import RATE, down, tone
from voicemode.audio.frames import PAUSE, Frame, Frames, silence
from voicemode.audio.queue import FrameQueue
from voicemode.errors import ProviderError
from voicemode.speech.base import Transcript
from voicemode.speech.speculative import LEAD_SECONDS, PART_SECONDS, REST_SECONDS, joined, speculative

pytestmark = pytest.mark.anyio
LONG = PART_SECONDS + 1


class Slow:
    """Tells how many seconds it hears, each time the test lets it."""

    def __init__(self, *, waits: bool = False) -> None:
        self.asked: list[tuple[float, str]] = []
        self.texts: list[str] = []
        self.cancelled = 0
        self.failing = 0
        self.may_answer = asyncio.Event()
        if not waits:
            self.may_answer.set()

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        self.asked.append((round(audio.seconds, 3), prompt))
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failing:
            self.failing -= 1
            raise down()
        return Transcript(self.texts.pop(0) if self.texts else f"{audio.seconds:g}s", provider="slow")

    def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        raise NotImplementedError


def said(*frames: Frame) -> FrameQueue:
    line = FrameQueue()
    for frame in frames:
        line.put(frame)
    return line


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def last(transcripts: AsyncIterator[Transcript]) -> Transcript:
    async with asyncio.timeout(5):
        return [transcript async for transcript in transcripts][-1]


async def test_the_text_is_there_before_the_turn_ends_and_nothing_is_asked_twice() -> None:
    stt, line = Slow(), said(tone(1), PAUSE)
    transcripts = speculative(stt, line)
    async with asyncio.timeout(5):
        assert await anext(transcripts) == Transcript("1s", provider="slow", final=False)
        line.end()
        assert await anext(transcripts) == Transcript("1s", provider="slow")
    assert stt.asked == [(1.0, "")]


async def test_a_turn_that_ends_while_the_text_is_made_waits_for_it() -> None:
    stt, line = Slow(waits=True), said(tone(1), PAUSE)
    answer = asyncio.create_task(last(speculative(stt, line)))
    await settle()
    line.end()
    await settle()
    stt.may_answer.set()
    assert await answer == Transcript("1s", provider="slow")
    assert len(stt.asked) == 1


async def test_who_goes_on_is_heard_anew_from_the_beginning() -> None:
    stt, line = Slow(waits=True), said(tone(1), PAUSE)
    answer = asyncio.create_task(last(speculative(stt, line)))
    await settle()
    for frame in (tone(2), PAUSE):
        line.put(frame)
    await settle()
    assert stt.cancelled == 1
    stt.may_answer.set()
    line.end()
    assert (await answer).text == "3s"


async def test_a_sentence_that_was_understood_stands() -> None:
    stt, line = Slow(), said(tone(2), PAUSE)
    stt.texts = ["It is done.", "Go on."]
    answer = asyncio.create_task(last(speculative(stt, line)))
    await settle()
    for frame in (silence(LEAD_SECONDS, RATE), tone(2)):
        line.put(frame)
    line.end()
    assert (await answer).text == "It is done. Go on."
    assert stt.asked == [(2.0, ""), (2.3, "It is done.")]


async def test_a_long_part_is_kept_and_its_text_is_the_prompt_of_the_next() -> None:
    stt, line = Slow(), said(tone(LONG), PAUSE)
    answer = asyncio.create_task(last(speculative(stt, line, prompt="Names")))
    await settle()
    for frame in (silence(LEAD_SECONDS, RATE), tone(1), PAUSE):
        line.put(frame)
    await settle()
    line.end()
    assert (await answer).text == f"{LONG:g}s 1.3s"
    assert stt.asked == [(LONG, "Names"), (1.3, f"Names {LONG:g}s")]


async def test_of_the_silence_before_a_part_as_much_is_heard_as_does_no_harm() -> None:
    stt, line = Slow(), said(tone(LONG), PAUSE)
    answer = asyncio.create_task(last(speculative(stt, line)))
    await settle()
    for frame in (silence(5, RATE), tone(1)):
        line.put(frame)
    line.end()
    assert (await answer).text == f"{LONG:g}s {1 + LEAD_SECONDS:g}s"


async def test_a_sound_in_a_pause_is_understood_with_what_came_before_it() -> None:
    stt, line = Slow(), said(tone(LONG), PAUSE)
    answer = asyncio.create_task(last(speculative(stt, line)))
    await settle()
    for frame in (tone(0.5), PAUSE):
        line.put(frame)
    line.end()
    assert (await answer).text == f"{LONG + 0.5:g}s"


async def test_a_sentence_that_goes_on_at_once_is_none() -> None:
    stt, line = Slow(), said(tone(2), PAUSE)
    stt.texts = ["The child almost hurt.", "The child almost hurt the small dog."]
    answer = asyncio.create_task(last(speculative(stt, line)))
    await settle()
    for frame in (silence(REST_SECONDS / 2, RATE), tone(1)):
        line.put(frame)
    line.end()
    assert (await answer).text == "The child almost hurt the small dog."


async def test_the_longer_the_turn_the_work_after_it_stays_the_same() -> None:
    stt, line = Slow(), FrameQueue()
    answer = asyncio.create_task(last(speculative(stt, line)))
    for _ in range(20):
        for frame in (silence(LEAD_SECONDS, RATE), tone(LONG), PAUSE):
            line.put(frame)
        await settle()
    for frame in (silence(LEAD_SECONDS, RATE), tone(1)):
        line.put(frame)
    line.end()
    await answer
    longest = LONG + LEAD_SECONDS
    assert max(seconds for seconds, _ in stt.asked) <= longest
    assert sum(seconds for seconds, _ in stt.asked) == pytest.approx(20 * longest + 1 + LEAD_SECONDS)


@pytest.mark.parametrize(
    ("text", "more", "both"),
    [
        ("It is new and.", "strange to me.", "It is new and strange to me."),
        ("It is done.", "Go on.", "It is done. Go on."),
        ("", "Go on.", "Go on."),
        ("Go on.", "", "Go on."),
    ],
)
def test_parts_are_joined_as_one_text(text: str, more: str, both: str) -> None:
    assert joined(text, more) == both


async def test_a_part_that_nobody_understood_is_tried_again() -> None:
    stt, line = Slow(), said(tone(LONG), PAUSE)
    stt.failing = 1
    transcripts = speculative(stt, line)
    async with asyncio.timeout(5):
        assert (await anext(transcripts)).text == "", "a failure at a pause is no end"
        for frame in (silence(LEAD_SECONDS, RATE), tone(1)):
            line.put(frame)
        line.end()
        assert (await last(transcripts)).text == f"{LONG:g}s 1.3s"


async def test_a_turn_that_nobody_understands_is_a_failure() -> None:
    stt, line = Slow(), said(tone(1), PAUSE)
    stt.failing = 9
    line.end()
    with pytest.raises(ProviderError):
        await last(speculative(stt, line))


async def test_silence_is_an_empty_text() -> None:
    line = FrameQueue()
    line.end()
    assert await last(speculative(Slow(), line)) == Transcript("")


async def test_whoever_listens_no_more_leaves_nothing_behind() -> None:
    stt, line = Slow(waits=True), said(tone(1), PAUSE)
    before = asyncio.all_tasks()
    answer = asyncio.create_task(last(speculative(stt, line)))
    await settle()
    answer.cancel()
    await asyncio.wait([answer], timeout=5)
    await settle()
    assert stt.cancelled == 1
    assert asyncio.all_tasks() == before
