import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.support.fakes import FakeSpeech, StreamingSpeech, down, tone
from voicemode.audio.frames import Frame, Frames, stream
from voicemode.audio.queue import FrameQueue
from voicemode.errors import NoProviderError, ProviderError
from voicemode.providers import Account, Distance, EndpointSource, Provider, Providers, ProviderSession
from voicemode.providers.race import FIRST_HEDGE_SECONDS, Hedge
from voicemode.speech.base import Offer, Transcript, Voice
from voicemode.speech.sentence_stream import Sentences

pytestmark = pytest.mark.anyio

THREE = "This is the first sentence of all. Here comes the second one, a bit longer. And the third ends it."


class Hanging(FakeSpeech):
    """Takes the request and never answers, until it is let go."""

    def __init__(self, text: str = "at last") -> None:
        super().__init__(text)
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.given_up = False

    async def _hang(self) -> None:
        self.asked.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.given_up = True
            raise

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        await self._hang()
        return await super().transcribe(audio, prompt=prompt, language=language)

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        await self._hang()
        async for frame in super().synthesize(text, voice):
            yield frame


class Flaky(FakeSpeech):
    """Fails so often, then answers."""

    def __init__(self, failures: int, error: ProviderError | None = None) -> None:
        super().__init__("well again", error or down())
        self.left = failures

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        self.left -= 1
        if self.left < 0:
            self.error = None
        return await super().transcribe(audio, prompt=prompt, language=language)


def providers(*speeches: FakeSpeech, hedge: Hedge = "free", paid: Sequence[int] = ()) -> Providers:
    def provider(number: int, speech: FakeSpeech, kind: str) -> Provider[FakeSpeech]:
        return Provider(name=f"p{number}", kind=kind, speech=speech, paid=number in paid)  # type: ignore[arg-type]

    stt, tts = ([provider(n, speech, kind) for n, speech in enumerate(speeches)] for kind in ("stt", "tts"))
    return Providers(stt, tts, hedge=hedge)


async def say(turn: ProviderSession, text: str = "one two three", voice: Voice | None = None) -> list[Frame]:
    return [frame async for frame in turn.synthesize(text, voice or Voice())]


async def say_all(turn: ProviderSession, text: str) -> list[Frame]:
    return [frame async for frame in Sentences(turn, turn.account.unheard).synthesize(text, Voice())]


async def test_the_first_that_answers_is_used_and_named() -> None:
    turn = providers(FakeSpeech(error=down()), FakeSpeech("hello")).turn()
    assert await turn.transcribe(tone(1)) == Transcript("hello", provider="p1")
    assert len(await say(turn)) == 3
    account = turn.account
    assert (account.transcribed, account.spoke) == ("p1", ["p1"])
    assert [(f.kind, f.provider, f.reason) for f in account.failures] == [
        ("stt", "p0", "connection refused"),
        ("tts", "p0", "connection refused"),
    ]


async def test_an_empty_transcript_is_an_answer() -> None:
    second = FakeSpeech("the cloud heard you")
    assert (await providers(FakeSpeech(""), second).turn().transcribe(tone(1))).text == ""
    assert second.heard == []


async def test_when_all_fail_each_is_named_once_with_its_reason() -> None:
    with pytest.raises(NoProviderError) as failure:
        await providers(FakeSpeech(error=down("refused")), FakeSpeech(error=down("too slow"))).turn().transcribe(tone(1))
    assert [(name, error.message) for name, error in failure.value.failures] == [("p0", "refused"), ("p1", "too slow")]


async def test_without_any_provider_that_is_said() -> None:
    with pytest.raises(NoProviderError, match="none is configured"):
        await providers().turn().transcribe(tone(1))
    with pytest.raises(NoProviderError, match="none is configured"):
        await say(providers().turn())


async def test_a_bug_does_not_fail_over() -> None:
    second = FakeSpeech()
    with pytest.raises(ZeroDivisionError):
        await providers(FakeSpeech(error=ZeroDivisionError()), second).turn().transcribe(tone(1))
    assert second.heard == []


async def test_a_file_is_transcribed_by_the_first_that_can() -> None:
    turn = providers(FakeSpeech(error=down()), FakeSpeech("hello")).turn()
    assert await turn.transcribe_file(Path("a.mp3"), response_format="srt") == "hello (a.mp3, srt)"
    assert turn.account.transcribed == "p1"


async def test_the_only_one_is_asked_once_more_after_a_transient_failure() -> None:
    assert (await providers(Flaky(1)).turn().transcribe(tone(1))).text == "well again"
    with pytest.raises(NoProviderError):
        await providers(Flaky(2)).turn().transcribe(tone(1))


async def test_what_cannot_help_is_not_tried_again() -> None:
    broken = Flaky(1, ProviderError("has nothing here (404)", transient=False))
    with pytest.raises(NoProviderError):
        await providers(broken).turn().transcribe(tone(1))


async def test_a_free_one_is_tried_again_before_one_that_costs_money() -> None:
    paid = FakeSpeech("for a fee")
    assert (await providers(Flaky(1), paid, paid=[1]).turn().transcribe(tone(1))).text == "well again"
    assert (await providers(Flaky(2), paid, paid=[1]).turn().transcribe(tone(1))).text == "for a fee"


async def test_a_healthy_next_one_is_asked_rather_than_the_same_again() -> None:
    assert (await providers(Flaky(1), FakeSpeech("next")).turn().transcribe(tone(1))).text == "next"


async def test_one_that_wants_to_be_left_alone_is_waited_for_only_if_that_is_short() -> None:
    soon = Flaky(1, ProviderError("asked too often", transient=True, retry_after_seconds=0.05))
    assert (await providers(soon).turn().transcribe(tone(1))).text == "well again"
    late = Flaky(1, ProviderError("asked too often", transient=True, retry_after_seconds=60))
    with pytest.raises(NoProviderError, match="asked too often"):
        await providers(late).turn().transcribe(tone(1))


async def test_the_next_turn_asks_the_well_one_first() -> None:
    first = FakeSpeech(error=down())
    both = providers(first, FakeSpeech("hello"))
    for _ in range(5):
        await both.turn().transcribe(tone(1))
    assert len(first.heard) == 1
    await both.close()


async def test_a_probe_brings_it_back_without_a_turn() -> None:
    first = FakeSpeech("back", error=down())
    both = providers(first, FakeSpeech("hello"))
    await both.turn().transcribe(tone(1))
    first.error = None
    async with asyncio.timeout(10):
        while not both.stt.members[0].breaker.trusted:
            await asyncio.sleep(0.05)
    assert (await both.turn().transcribe(tone(1))).text == "back"
    await both.close()


async def test_one_that_costs_money_is_not_probed_with_work() -> None:
    first = FakeSpeech(error=down())
    both = providers(first, FakeSpeech("hello"), paid=[0])
    await both.turn().transcribe(tone(1))
    first.error = None
    async with asyncio.timeout(10):
        while not both.stt.members[0].breaker.trusted:
            await asyncio.sleep(0.05)
    assert len(first.heard) == 1
    await both.close()


async def test_one_that_costs_money_and_merely_lists_what_it_has_is_not_asked_at_every_turn() -> None:
    class Listing(FakeSpeech):
        async def check(self) -> str:
            return "answers"

    both = providers(Listing(error=down()), FakeSpeech("hello"), paid=[0])
    breaker = both.stt.members[0].breaker
    for failures in (1, 2):
        await both.turn().transcribe(tone(1))
        assert (breaker.failures, breaker.trusted) == (failures, False)
        async with asyncio.timeout(10):
            while not breaker.trusted:
                await asyncio.sleep(0.05)
    await both.close()


async def test_one_that_does_not_list_what_it_has_is_asked_all_the_same() -> None:
    class Mute(FakeSpeech):
        async def check(self) -> str:
            checked.set()
            raise ProviderError("has nothing here (404)", transient=False)

    checked = asyncio.Event()
    both = providers(Mute("I work"), FakeSpeech("hello"), paid=[0])
    await both.stt.warm_up(print)
    await asyncio.wait_for(checked.wait(), 10)
    assert (await both.turn().transcribe(tone(1))).text == "I work"
    await both.close()


async def test_no_turn_waits_again_for_who_does_not_say_what_it_has() -> None:
    class Mute(FakeSpeech):
        async def learn(self) -> None:
            learned.append(self)

    learned: list[FakeSpeech] = []
    both = providers(Mute(), Mute())
    for _ in range(3):
        await both.turn().transcribe(tone(1), language="de")
    assert len(learned) == 2


async def test_an_answer_ends_the_probing() -> None:
    before, one = asyncio.all_tasks(), providers(Flaky(2))
    with pytest.raises(NoProviderError):
        await one.turn().transcribe(tone(1))
    (probe,) = asyncio.all_tasks() - before
    assert (await one.turn().transcribe(tone(1))).text == "well again"
    await asyncio.wait_for(asyncio.wait([probe]), 0.5)


async def test_a_turn_that_outlives_its_settings_leaves_nothing_behind() -> None:
    before, one = asyncio.all_tasks(), providers(FakeSpeech(error=down()))
    await one.close()
    with pytest.raises(NoProviderError):
        await one.turn().transcribe(tone(1))
    assert asyncio.all_tasks() == before


async def test_a_slow_one_is_overtaken_and_given_up() -> None:
    slow, quick = Hanging(), FakeSpeech("quick")
    both = providers(slow, quick)
    for _ in range(20):
        both.stt.members[0].latencies.add(0.01)
    async with asyncio.timeout(10):
        assert (await both.turn().transcribe(tone(1))).text == "quick"
    assert slow.given_up
    first = both.stt.members[0]
    assert (first.hedged, first.outstanding) == (1, 0)
    assert not first.breaker.trusted
    await both.close()


async def test_the_slow_one_may_still_win() -> None:
    slow, slower = Hanging("slow"), Hanging("slower")
    both = providers(slow, slower)
    for _ in range(20):
        both.stt.members[0].latencies.add(0.01)
    async with asyncio.TaskGroup() as tasks:
        answer = tasks.create_task(both.turn().transcribe(tone(1)))
        await slower.asked.wait()
        slow.go_on.set()
    assert answer.result().text == "slow"
    assert slower.given_up


async def is_waited_for(slow: Hanging, both: Providers) -> None:
    """`slow`, the first of them, is late, and its answer is taken."""
    for _ in range(20):
        both.stt.members[0].latencies.add(0.001)
    async with asyncio.TaskGroup() as tasks:
        answer = tasks.create_task(both.turn().transcribe(tone(1)))
        await slow.asked.wait()
        await asyncio.sleep(0.3)
        slow.go_on.set()
    assert answer.result().text == slow.text


@pytest.mark.parametrize("hedge", ["off", "free"])
async def test_mere_slowness_does_not_cost_money(hedge: Hedge) -> None:
    slow, paid = Hanging("slow"), FakeSpeech("for a fee")
    await is_waited_for(slow, providers(slow, paid, hedge=hedge, paid=[1]))
    assert paid.heard == []


async def test_mere_slowness_does_not_carry_voice_farther() -> None:
    slow, far = Hanging("slow"), FakeSpeech("far")
    stt = [
        Provider(name="near", kind="stt", speech=slow),
        Provider(name="far", kind="stt", speech=far, place=Distance.NETWORK),
    ]
    await is_waited_for(slow, Providers(stt, []))
    assert far.heard == []


async def test_another_machine_of_which_nothing_is_known_is_overtaken_soon() -> None:
    slow, near = Hanging(), FakeSpeech("near")
    both = Providers(
        [Provider(name="far", kind="stt", speech=slow, place=Distance.NETWORK), Provider(name="near", kind="stt", speech=near)],
        [],
    )
    async with asyncio.timeout(FIRST_HEDGE_SECONDS * 5):
        assert (await both.turn().transcribe(tone(1))).text == "near"


async def test_cancelling_ends_every_request() -> None:
    slow, slower = Hanging(), Hanging()
    both = providers(slow, slower)
    both.stt.members[0].latencies.add(0.01)
    turn = asyncio.create_task(both.turn().transcribe(tone(1)))
    await slow.asked.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert slow.given_up
    assert [member.outstanding for member in both.stt.members] == [0, 0]


async def test_load_is_shared_by_those_who_are_equally_good() -> None:
    one, two = Hanging("one"), Hanging("two")
    both = providers(one, two, hedge="off")
    async with asyncio.TaskGroup() as tasks:
        answers = [tasks.create_task(both.turn().transcribe(tone(1))) for _ in range(6)]
        await one.asked.wait()
        await two.asked.wait()
        assert [member.outstanding for member in both.stt.members] == [3, 3]
        one.go_on.set()
        two.go_on.set()
    assert sorted(answer.result().text for answer in answers) == ["one"] * 3 + ["two"] * 3


async def test_a_sentence_that_broke_off_is_not_begun_again_and_the_rest_is_said_elsewhere() -> None:
    first, second = FakeSpeech(error=down("broke off"), fail_after=2), FakeSpeech()
    turn = providers(first, second).turn()
    frames = await say_all(turn, THREE)
    assert first.said[0] == "This is the first sentence of all. Here comes the second one, a bit longer."[: len(first.said[0])]
    assert " ".join(second.said) == "Here comes the second one, a bit longer. And the third ends it."
    assert turn.account.unheard == ["This is the first sentence of all."]
    assert turn.account.spoke == ["p0", "p1"]
    assert len(frames) == 2 + len(" ".join(second.said).split())


async def test_who_broke_off_is_named_whoever_spoke_before() -> None:
    turn = providers(FakeSpeech(error=down("broke off"), fail_after=2)).turn(Account(spoke=["p0", "p1"]))
    await say_all(turn, "One two three four.")
    assert [(failure.provider, failure.reason) for failure in turn.account.failures] == [("p0", "broke off")]


class Dying(FakeSpeech):
    """Breaks off its first answer; from then on there is none."""

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        try:
            async for frame in super().synthesize(text, voice):
                yield frame
        finally:
            self.fail_after = 0


async def test_what_nobody_could_say_is_known_word_for_word() -> None:
    turn = providers(Dying(error=down("broke off"), fail_after=2)).turn()
    with pytest.raises(NoProviderError):
        await say_all(turn, f"{THREE} {THREE} {THREE}")
    assert " ".join(turn.account.unheard) == f"{THREE} {THREE} {THREE}"


async def test_another_voice_than_asked_is_told() -> None:
    kokoro = FakeSpeech(offer=Offer(voices=("af_sky",), languages=("en",)))
    turn = providers(kokoro).turn()
    await say(turn, "hello", Voice("nova", language="de"))
    assert turn.account.notes == ["p0 has no voice nova and language de; af_sky spoke instead."]


async def test_partial_transcripts_come_while_the_person_speaks() -> None:
    turn = providers(StreamingSpeech(), FakeSpeech()).turn()
    heard = [transcript async for transcript in turn.transcripts(stream(tone(0.1), tone(0.1)))]
    assert [(t.text, t.final, t.provider) for t in heard] == [
        ("word0", False, "p0"),
        ("word0 word1", False, "p0"),
        ("word0 word1", True, "p0"),
    ]
    assert turn.account.transcribed == "p0"


async def test_what_was_said_before_and_after_a_stream_broke_off_is_understood_by_the_next() -> None:
    second = FakeSpeech("all of it")
    turn = providers(StreamingSpeech(breaks_after=1), second).turn()
    line = FrameQueue()
    for _ in range(5):
        line.put(tone(0.1))
    line.end()
    heard = [transcript async for transcript in turn.transcripts(line)]
    assert heard[-1] == Transcript("all of it", provider="p1")
    assert round(second.heard[0].seconds, 3) == 0.5
    assert [failure.reason for failure in turn.account.failures] == ["broke off"]


async def test_a_turn_understood_while_it_was_said_shows_that_the_provider_is_well() -> None:
    class Lingering(StreamingSpeech):
        async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
            yield Transcript("done")
            await asyncio.Event().wait()

    one = providers(Lingering())
    member = one.stt.members[0]
    member.failed(down())
    _ = [transcript async for transcript in one.turn().transcripts(stream())]
    assert member.breaker.trusted
    await one.close()


async def test_rows_say_what_is_known_of_each(tmp_path: Path) -> None:
    first, second = FakeSpeech(error=down()), FakeSpeech("hello")
    both = providers(first, second, paid=[1])
    account = Account()
    await both.turn(account).transcribe(tone(1))
    await both.close()
    rows = {(row.kind, row.name): row for row in both.rows()}
    assert [row.name for row in both.rows()] == ["p1", "p0", "p0", "p1"]
    well, failed = rows["stt", "p1"], rows["stt", "p0"]
    assert (well.requests, well.errors, well.state, well.chosen) == (1, 0, "closed", True)
    assert well.why == "p0 is left alone for now: connection refused"
    assert well.p50_seconds is not None
    assert (failed.errors, failed.failures, failed.last_error) == (2, 2, "connection refused")
    assert (well.source, well.place, well.paid) == ("yours", "this machine", True)


async def test_an_endpoint_that_is_down_is_found_out_before_a_turn_asks_it() -> None:
    first = FakeSpeech(error=down())
    both = providers(first, FakeSpeech("hello"))
    await both.stt.warm_up(print)
    async with asyncio.timeout(10):
        while both.stt.members[0].breaker.trusted:
            await asyncio.sleep(0)
    assert (await both.turn().transcribe(tone(1))).text == "hello"
    assert first.heard == []
    await both.close()


async def test_no_turn_waits_until_a_foreign_endpoint_is_ready() -> None:
    class Slow(FakeSpeech):
        async def check(self) -> str:
            await asyncio.Event().wait()
            return "never"

    one = providers(Slow("hello"))
    async with asyncio.timeout(10):
        await one.stt.warm_up(print)
    assert (await one.turn().transcribe(tone(1))).text == "hello"
    await one.close()


async def test_those_found_later_are_asked_and_those_that_stay_keep_their_history() -> None:
    first, found = FakeSpeech(error=down()), FakeSpeech("found")
    one = providers(first)
    known = one.stt.members[0]
    with pytest.raises(NoProviderError):
        await one.turn().transcribe(tone(1))
    one.stt.update([known.provider, Provider(name="new", kind="stt", speech=found, source=EndpointSource.LOCAL)])
    assert one.stt.members[0] is known
    assert (await one.turn().transcribe(tone(1))).text == "found"
    await one.close()
