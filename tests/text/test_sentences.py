import asyncio
from collections.abc import Iterable

import pytest

from voicemode.audio.frames import Frame, Frames, closing
from voicemode.errors import ProviderError
from voicemode.speech.base import Voice
from voicemode.speech.sentence_stream import Sentences, SpokenPart, heard
from voicemode.text.sentences import GROUP_CHARS, pieces, requests, sentences

pytestmark = pytest.mark.anyio

BOUND_SECONDS = 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello.", ["Hello."]),
        ("Hello", ["Hello"]),
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Done. pytest passes.", ["Done.", "pytest passes."]),
        ("Really?! Yes.", ["Really?!", "Yes."]),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("(It works.) Good.", ["(It works.)", "Good."]),
        ("First line\nsecond line", ["First line", "second line"]),
        ("Dr. Smith met Mrs. Jones. They talked.", ["Dr. Smith met Mrs. Jones.", "They talked."]),
        ("Use a linter, e.g. ruff, i.e. the fast one.", ["Use a linter, e.g. ruff, i.e. the fast one."]),
        ("Pi is 3.14 today. Yes.", ["Pi is 3.14 today.", "Yes."]),
        ("He lives in the U.S. and works.", ["He lives in the U.S. and works."]),
        ("J. R. R. Tolkien wrote it.", ["J. R. R. Tolkien wrote it."]),
        ("So do I. You too.", ["So do I.", "You too."]),
        ("No. That is wrong.", ["No.", "That is wrong."]),
        ("See No. 5 there.", ["See No. 5 there."]),
        ("Tests, docs, etc. are fine.", ["Tests, docs, etc. are fine."]),
        ("Tests, docs, etc. The rest follows.", ["Tests, docs, etc.", "The rest follows."]),
        ("It starts at 5 p.m.", ["It starts at 5 p.m."]),
        ("1. Open it. 2. Close it.", ["1. Open it.", "2. Close it."]),
        ("Wait... what? Oh.", ["Wait... what?", "Oh."]),
        ("Wait... What?", ["Wait...", "What?"]),
        ("今日は晴れです。散歩しましょう！いいですか？", ["今日は晴れです。", "散歩しましょう！", "いいですか？"]),
        ("Das ist gut. Wirklich!", ["Das ist gut.", "Wirklich!"]),
        ("... -- !", []),
        ("", []),
        ("Edit main.py and run it. Good.", ["Edit main.py and run it.", "Good."]),
    ],
)
def test_text_falls_into_sentences(text: str, expected: list[str]) -> None:
    assert list(sentences(text)) == expected


FIRST = "I have looked at all of the tests that failed."


def test_the_first_sentence_goes_alone_and_the_others_in_groups() -> None:
    parts = requests(f"{FIRST} {'This is one more sentence. ' * 20}")
    assert parts[0] == FIRST
    assert all(GROUP_CHARS * 0.8 < len(part) <= GROUP_CHARS for part in parts[1:-1])
    assert " ".join(parts) == f"{FIRST} {'This is one more sentence. ' * 20}".strip()


def test_a_short_exclamation_takes_the_next_sentence_along_lest_a_gap_follows() -> None:
    assert requests(f"Sure! {FIRST} {FIRST}") == [f"Sure! {FIRST}", FIRST]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two; three four, five six", ["one two;", "three four,", "five six"]),
        ("one two three four five six", ["one two", "three four", "five six"]),
        ("unbelievably_long_word stays whole", ["unbelievably_long_word", "stays whole"]),
        ("これはとても長い文章なので切ります", ["これはとても長い文章なの", "で切ります"]),
    ],
)
def test_a_very_long_sentence_is_cut_between_words(text: str, expected: list[str]) -> None:
    assert list(pieces(text, 12)) == expected


@pytest.mark.parametrize("text", ["." * 100_000 + "a", "a. " * 30_000, "a" * 100_000, '."' * 50_000, " \n" * 50_000])
def test_text_of_any_shape_is_split_quickly(text: str) -> None:
    assert sum(len(part) for part in requests(text)) <= len(text)


class Engine:
    """Says each part as frames whose bytes are its words; `gate` holds back what is not yet allowed."""

    def __init__(self, fails_at: str = "", gate: asyncio.Event | None = None) -> None:
        self.asked: list[str] = []
        self.closed = 0
        self.asked_again = asyncio.Event()
        self._fails_at = fails_at
        self._gate = gate

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        self.asked.append(text)
        if len(self.asked) > 1:
            self.asked_again.set()
        try:
            for word in text.split():
                yield Frame(word.encode(), 24_000)
                if word == self._fails_at:
                    raise ProviderError("It broke off.", transient=True)
            if self._gate:
                await self._gate.wait()
        finally:
            self.closed += 1


def words(frames: Iterable[Frame]) -> str:
    return " ".join(frame.pcm.decode() for frame in frames)


LONG = " ".join(f"{word} {'x' * 200}." for word in ("A", "B", "C", "D", "E"))


async def test_all_is_heard_in_order() -> None:
    engine = Engine()
    frames = [frame async for frame in Sentences(engine, []).synthesize(LONG, Voice())]
    assert words(frames) == LONG
    assert len(engine.asked) == 5


async def test_nothing_to_say_is_silence() -> None:
    engine = Engine()
    assert [frame async for frame in Sentences(engine, []).synthesize(" … ", Voice())] == []
    assert engine.asked == []


async def test_the_next_part_is_made_while_one_is_heard_but_no_more_than_one_ahead() -> None:
    engine = Engine()
    async with closing(Sentences(engine, []).synthesize(LONG, Voice())) as frames:
        await anext(frames)
        await asyncio.wait_for(engine.asked_again.wait(), BOUND_SECONDS)
        for _ in range(20):
            await asyncio.sleep(0)
        assert [part[0] for part in engine.asked] == ["A", "B"]


async def test_one_part_is_made_at_a_time() -> None:
    gate = asyncio.Event()
    engine = Engine(gate=gate)
    async with closing(Sentences(engine, []).synthesize(LONG, Voice())) as frames:
        await anext(frames)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(engine.asked) == 1
        gate.set()
        await asyncio.wait_for(engine.asked_again.wait(), BOUND_SECONDS)


async def test_a_failure_comes_after_what_was_said_before_it() -> None:
    engine, frames = Engine(fails_at="C"), []

    async def hear() -> None:
        async for frame in Sentences(engine, []).synthesize(LONG, Voice()):
            frames.append(frame)  # noqa: PERF401 - a comprehension would lose them

    with pytest.raises(ProviderError, match="It broke off"):
        await hear()
    assert words(frames) == LONG[: LONG.index("C") + 1]
    assert len(engine.asked) == 3


async def test_leaving_early_ends_the_request() -> None:
    engine = Engine(gate=asyncio.Event())
    async with closing(Sentences(engine, []).synthesize(LONG, Voice())) as frames:
        await anext(frames)
    assert engine.closed == len(engine.asked) == 1


async def test_cancelling_ends_the_request() -> None:
    engine = Engine(gate=asyncio.Event())
    heard = asyncio.Event()
    before = asyncio.all_tasks()

    async def hear() -> None:
        async for _ in Sentences(engine, []).synthesize(LONG, Voice()):
            heard.set()

    task = asyncio.create_task(hear())
    await asyncio.wait_for(heard.wait(), BOUND_SECONDS)
    task.cancel()
    await asyncio.wait([task], timeout=BOUND_SECONDS)
    assert task.cancelled()
    assert engine.closed == len(engine.asked) == 1
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, ["", ""]),
        (0.5, ["", ""]),
        (1.0, ["One", ""]),
        (1.2, ["One", ""]),
        (2.99, ["One two three.", ""]),
        (4.3, ["One two three.", "Four"]),
        (99.0, ["One two three.", "Four five six."]),
    ],
)
def test_what_was_heard_of_a_text_is_cut_at_a_word(seconds: float, told: list[str]) -> None:
    parts = [SpokenPart("One two three.", 3.0, complete=True), SpokenPart("Four five six.", 3.0, complete=True)]
    assert heard(parts, seconds) == told


def test_of_what_is_still_being_made_the_length_is_estimated() -> None:
    part = SpokenPart("word " * 30, 1.0)
    assert heard([part], 2.0) == [("word " * 6).strip()]
    assert heard([part], 2.0, speed=2.0) == [("word " * 12).strip()]


async def test_each_part_knows_how_much_audio_it_has_come_to() -> None:
    tts = Sentences(Engine(), [])
    frames = [frame async for frame in tts.synthesize(LONG, Voice())]
    assert sum(part.seconds for part in tts.parts) == pytest.approx(sum(frame.seconds for frame in frames))
    assert all(part.complete for part in tts.parts)
    assert " ".join(part.text for part in tts.parts) == LONG
