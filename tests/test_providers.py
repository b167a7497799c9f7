from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes import FakeSpeech, down, tone
from voicemode.audio.frames import Frame
from voicemode.errors import NoProviderError, ProviderError, ServiceError, UnreachableError
from voicemode.providers import OnDemand, Provider, Providers, Speech
from voicemode.speech.base import Transcript, Voice

pytestmark = pytest.mark.anyio


def providers(*both: Speech) -> Providers:
    return Providers([Provider(f"p{n}", speech, kind) for kind in ("stt", "tts") for n, speech in enumerate(both)])


async def say(voice: Speech | Providers, text: str = "one two three") -> list[Frame]:
    return [frame async for frame in voice.synthesize(text, Voice())]


async def test_the_first_that_answers_is_used_and_named() -> None:
    both = providers(FakeSpeech(error=down()), FakeSpeech("hello"))
    assert await both.transcribe(tone(1)) == Transcript("hello", provider="p1")
    assert len(await say(both)) == 3
    assert both.spoke == "p1"


async def test_an_empty_transcript_is_an_answer() -> None:
    second = FakeSpeech("the cloud heard you")
    assert (await providers(FakeSpeech(""), second).transcribe(tone(1))).text == ""
    assert second.heard == []


async def test_a_sentence_of_which_a_part_was_heard_is_not_begun_again_elsewhere() -> None:
    second = FakeSpeech()
    frames = providers(FakeSpeech(error=down("broke off"), fail_after=2), second).synthesize("a b c", Voice())
    assert [(await anext(frames)).rate, (await anext(frames)).rate] == [24_000, 24_000]
    with pytest.raises(ProviderError, match="broke off"):
        await anext(frames)
    assert second.said == []


async def test_when_all_fail_each_is_named_with_its_reason() -> None:
    with pytest.raises(NoProviderError) as failure:
        await providers(FakeSpeech(error=down("refused")), FakeSpeech(error=down("too slow"))).transcribe(tone(1))
    assert "p0: refused; p1: too slow" in str(failure.value)


async def test_a_bug_does_not_fail_over() -> None:
    second = FakeSpeech()
    with pytest.raises(ZeroDivisionError):
        await providers(FakeSpeech(error=ZeroDivisionError()), second).transcribe(tone(1))
    assert second.heard == []


async def test_a_file_is_transcribed_by_the_first_that_can() -> None:
    text = await providers(FakeSpeech(error=down()), FakeSpeech("hello")).transcribe_file(Path("a.mp3"), "", "srt")
    assert text == ("hello (a.mp3, srt)", "p1")


class NotInstalled:
    installed = False

    async def start(self) -> None:
        raise ServiceError("The engine is not installed.", hint="pip install 'voicemode[local]'")

    async def wait_ready(self, tell: Callable[[str], None]) -> None:
        raise AssertionError("it was never started")


class Asleep(FakeSpeech):
    """Refuses until it has been started."""

    installed = True

    def __init__(self) -> None:
        super().__init__("awake", UnreachableError("connection refused", transient=True))
        self.starts = 0

    async def start(self) -> None:
        self.starts += 1
        self.error = None

    async def wait_ready(self, tell: Callable[[str], None]) -> None:
        tell("fetching weights: 50 %")


async def test_a_local_server_is_started_when_nobody_answers() -> None:
    asleep = Asleep()
    assert (await OnDemand(asleep, asleep).transcribe(tone(1))).text == "awake"
    await OnDemand(asleep, asleep).transcribe(tone(1))
    assert asleep.starts == 1


async def test_a_local_voice_is_started_and_says_all_of_it_once() -> None:
    asleep = Asleep()
    assert len(await say(OnDemand(asleep, asleep))) == 3
    assert asleep.starts == 1


async def test_a_server_that_cannot_be_started_fails_over_with_its_remedy() -> None:
    asleep = Asleep()
    assert (await providers(OnDemand(asleep, NotInstalled()), FakeSpeech("hello")).transcribe(tone(1))).text == "hello"
    with pytest.raises(NoProviderError, match=r"not installed.*pip install"):
        await providers(OnDemand(asleep, NotInstalled())).transcribe(tone(1))


async def test_a_server_that_answers_badly_is_not_started() -> None:
    broken = Asleep()
    broken.error = down("500")
    with pytest.raises(ProviderError):
        await OnDemand(broken, broken).transcribe(tone(1))
    assert broken.starts == 0


async def test_warming_up_starts_the_first_of_a_kind_and_tells_what_it_does() -> None:
    asleep, told = Asleep(), list[str]()
    await providers(OnDemand(asleep, asleep), FakeSpeech()).warm_up("stt", told.append)
    assert asleep.starts == 1
    assert told == ["fetching weights: 50 %"]


async def test_a_stranger_on_the_port_is_named_beside_what_it_says() -> None:
    class Stranger(NotInstalled):
        async def start(self) -> None:
            raise ServiceError("Port 2022 belongs to another program.", hint="Choose another port.")

    speech = FakeSpeech(error=ProviderError("has nothing here (404)", transient=False, hint="Check the URL."))
    with pytest.raises(ProviderError) as failure:
        await OnDemand(speech, Stranger()).transcribe(tone(1))
    assert (
        str(failure.value) == "has nothing here (404) Port 2022 belongs to another program. Choose another port. Check the URL."
    )


async def test_a_server_that_sleeps_is_well_only_if_it_can_be_started() -> None:
    assert await OnDemand(Asleep(), Asleep()).check() == "is started when it is needed"
    with pytest.raises(UnreachableError):
        await OnDemand(Asleep(), NotInstalled()).check()
