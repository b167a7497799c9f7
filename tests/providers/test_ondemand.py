import pytest

from tests.support.fakes import FakeSpeech, down, tone
from voicemode.audio.frames import Frame
from voicemode.errors import NoProviderError, ProviderError, ServiceError, UnreachableError
from voicemode.progress import Progress, Report
from voicemode.providers import OnDemand, Provider, Providers
from voicemode.providers.ondemand import Speech
from voicemode.speech.base import Voice

pytestmark = pytest.mark.anyio


def providers(*both: Speech) -> Providers:
    return Providers(
        [Provider(name=f"p{n}", kind="stt", speech=s, on_demand=isinstance(s, OnDemand)) for n, s in enumerate(both)], []
    )


FETCHING = Progress("downloading", "weights", done=1, total=2)


async def say(voice: Speech, text: str = "one two three") -> list[Frame]:
    return [frame async for frame in voice.synthesize(text, Voice())]


class NotInstalled:
    installed = False

    async def start(self) -> None:
        raise ServiceError("The engine is not installed.", hint="pip install 'voicemode[local]'")

    async def wait_ready(self, report: Report) -> None:
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

    async def wait_ready(self, report: Report) -> None:
        report(FETCHING)


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
    assert (await providers(OnDemand(asleep, NotInstalled()), FakeSpeech("hello")).turn().transcribe(tone(1))).text == "hello"
    with pytest.raises(NoProviderError, match=r"(?s)not installed.*pip install"):
        await providers(OnDemand(asleep, NotInstalled())).turn().transcribe(tone(1))


async def test_a_server_that_answers_badly_is_not_started() -> None:
    broken = Asleep()
    broken.error = down("500")
    with pytest.raises(ProviderError):
        await OnDemand(broken, broken).transcribe(tone(1))
    assert broken.starts == 0


async def test_warming_up_starts_the_first_of_a_kind_and_tells_what_it_does() -> None:
    asleep, told = Asleep(), list[Progress]()
    await providers(OnDemand(asleep, asleep), FakeSpeech()).stt.warm_up(told.append)
    assert asleep.starts == 1
    assert told == [FETCHING]


async def test_a_stranger_on_the_port_is_named_beside_what_it_says() -> None:
    class Stranger(NotInstalled):
        async def start(self) -> None:
            raise ServiceError("Port 2022 belongs to another program.", hint="Choose another port.")

    speech = FakeSpeech(error=ProviderError("has nothing here (404)", transient=False, hint="Check the URL."))
    with pytest.raises(ProviderError) as failure:
        await OnDemand(speech, Stranger()).transcribe(tone(1))
    assert str(failure.value) == "Port 2022 belongs to another program. has nothing here (404) Choose another port."


async def test_a_server_that_sleeps_is_well_only_if_it_can_be_started() -> None:
    assert await OnDemand(Asleep(), Asleep()).check() == "is started when it is needed"
    with pytest.raises(UnreachableError):
        await OnDemand(Asleep(), NotInstalled()).check()
