"""Whom to ask first, as tables: names of endpoints, best first."""

from collections.abc import Sequence

import pytest

from tests.support.fakes import FakeSpeech, down
from voicemode.providers.choice import ANYTHING, Wanted, groups, in_order, lacking, missing, why
from voicemode.providers.member import Member
from voicemode.providers.provider import EndpointSource, Provider
from voicemode.speech.base import Offer

UNKNOWN = Offer()
KOKORO = Offer(models=("tts-1",), voices=("af_sky", "bf_emma"), languages=("en",))
OPENAI = Offer(models=("tts-1", "gpt-4o-mini-tts"), voices=("alloy", "nova"))


def member(
    name: str, source: EndpointSource = EndpointSource.USER, offer: Offer = UNKNOWN, *, paid: bool = False
) -> Member[FakeSpeech]:
    return Member(Provider(name=name, kind="tts", speech=FakeSpeech(offer=offer), source=source, paid=paid))


def local(name: str, seconds: float = 0.0, *, asleep: bool = False) -> Member[FakeSpeech]:
    found = Member(
        Provider(name=name, kind="tts", speech=FakeSpeech(), source=EndpointSource.LOCAL, on_demand=asleep),
    )
    if seconds:
        found.latencies.add(seconds)
    return found


def names(members: Sequence[Member[FakeSpeech]], wanted: Wanted = ANYTHING) -> str:
    return " ".join(member.name for member in in_order(members, wanted))


def test_the_users_order_counts_before_local_before_cloud() -> None:
    assert names([member("b"), member("a"), local("l"), member("c", EndpointSource.CLOUD, paid=True)]) == "b a l c"


def test_within_a_group_whoever_has_the_least_to_do_is_asked() -> None:
    first, second, third = members = [member("a"), member("b"), member("c")]
    first.outstanding, second.outstanding = 2, 1
    assert names(members) == "c b a"
    third.outstanding = 1
    assert names(members) == "b c a"


def test_among_local_ones_that_have_as_little_to_do_the_quickest_is_asked() -> None:
    assert names([local("slow", 0.9), local("quick", 0.2)]) == "quick slow"


def test_one_that_runs_is_asked_before_one_that_would_have_to_be_started() -> None:
    assert names([local("asleep", asleep=True), local("awake", 0.9)]) == "awake asleep"


def test_a_busy_free_endpoint_is_asked_before_an_idle_one_that_costs_money() -> None:
    free, paid = member("free"), member("paid", paid=True)
    free.outstanding = 9
    assert names([free, paid]) == "free paid"
    assert groups([free.provider, paid.provider, member("x", paid=True).provider, member("y").provider]) == [0, 1, 2, 3]


def test_one_that_failed_just_now_is_asked_after_the_well_and_an_open_one_last() -> None:
    a, b, _ = members = [member("a"), member("b"), member("c", EndpointSource.CLOUD)]
    a.failed(down())
    assert names(members) == "b c a"
    for _ in range(3):
        b.failed(down())
    assert names(members) == "c a b"


@pytest.mark.parametrize(
    ("wanted", "order"),
    [
        (Wanted(), "kokoro mystery openai"),
        (Wanted(voice="nova"), "openai mystery kokoro"),
        (Wanted(voice="af_sky"), "kokoro mystery openai"),
        (Wanted(voice="af_sky(2)+bf_emma"), "kokoro mystery openai"),
        (Wanted(model="gpt-4o-mini-tts"), "openai mystery kokoro"),
        (Wanted(language="de"), "mystery openai kokoro"),
        (Wanted(voice="nobody"), "mystery kokoro openai"),
    ],
)
def test_what_is_named_goes_to_whoever_has_it(wanted: Wanted, order: str) -> None:
    members = [
        member("kokoro", EndpointSource.LOCAL, KOKORO),
        member("mystery", EndpointSource.LOCAL),
        member("openai", EndpointSource.CLOUD, OPENAI, paid=True),
    ]
    assert names(members, wanted) == order


def test_what_is_missing_is_said_only_where_it_is_certain() -> None:
    wanted = Wanted(model="tts-9", voice="nova", language="de")
    assert missing(KOKORO, wanted) == ["model tts-9", "voice nova", "language de"]
    assert missing(OPENAI, wanted) == ["model tts-9"]
    assert missing(Offer(), wanted) == []
    assert lacking(Offer(), wanted) == 3


def test_why_it_is_asked_is_said_in_words() -> None:
    a, b = members = [member("a", offer=KOKORO), member("b", offer=OPENAI)]
    assert why(a, members) == "the first of your endpoints"
    assert why(b, members, Wanted(voice="nova")) == "it has the voice nova"
    a.outstanding = 1
    assert why(b, members) == "it has less to do"
    a.failed(down("connection refused"))
    assert why(b, members) == "a is left alone for now: connection refused"
    a.failed(down("a is not reachable."))
    assert why(b, members) == "a is left alone for now: is not reachable."
    only = [member("c", EndpointSource.CLOUD)]
    assert why(only[0], only) == "nothing else is configured"
