"""Whatever goes wrong with the endpoints, in whatever order: what must hold for the person, over real sockets."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.chaos import HARMLESS, SLOW, Fault
from tests.support.flock import LIMITS, Flock, flock, key_of, silence_to_transcribe
from voicemode.errors import NoProviderError
from voicemode.providers.race import BACKOFF_SECONDS, LONGEST_WAIT_SECONDS

TEXT = "This is the first sentence of all. Here comes the second one, a bit longer. The third one ends it."
SENTENCES = ["This is the first sentence of all.", "Here comes the second one, a bit longer.", "The third one ends it."]

ANSWERING = HARMLESS | {Fault.CLAIMS_MORE, Fault.CLAIMS_LESS, Fault.DRIPS, Fault.DRIPS_HEADER}
"""A text is short: all of it may come nevertheless."""

fast_faults = st.sampled_from(sorted(set(Fault) - SLOW, key=lambda fault: fault.value))
any_fault = st.sampled_from(list(Fault))
thorough = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def longest_seconds(servers: int, requests: int) -> float:
    """All limits that can apply, one after the other, with room for a busy machine."""
    one = LIMITS.connect_timeout_local + LIMITS.answer_timeout + 0.2
    again = one + LONGEST_WAIT_SECONDS + max(BACKOFF_SECONDS)
    return requests * servers * (one + again) + 10


async def hold(flight: Flock, faults: Sequence[Fault]) -> None:
    """One turn in which the servers fail like this, and what must hold of it."""
    for server, fault in zip(flight.servers, faults, strict=True):
        await server.become(fault)
    began = time.monotonic()
    await speak(flight, faults)
    await understand(flight, faults)
    assert time.monotonic() - began < longest_seconds(len(faults), requests=4)
    for server in flight.servers:
        assert server.keys <= {key_of(server)}
    assert flight.foreign.asked == Counter()


async def speak(flight: Flock, faults: Sequence[Fault]) -> None:
    someone_can = any(fault in HARMLESS for fault in faults)
    # Nobody can tell that sound is missing from a server that says it sent all of it.
    told = Fault.CLAIMS_LESS not in faults
    turn = flight.providers.turn()
    heard: list[str] = []
    try:
        heard = await flight.say(TEXT, turn)
    except NoProviderError as error:
        assert not someone_can, error  # noqa: PT017 - of those who could, nobody may be left out
    complete = [sentence for sentence in SENTENCES if any(sentence in said for said in heard)]
    lost = " ".join(turn.account.unheard)
    for sentence in SENTENCES:
        # Nothing is begun twice, and what was not heard to its end is known.
        assert sum(said.startswith(sentence[:12]) or sentence in said for said in heard) <= 1
        assert sentence in complete or sentence in lost or not someone_can or not told


async def understand(flight: Flock, faults: Sequence[Fault]) -> None:
    try:
        transcript = await flight.providers.turn().transcribe(silence_to_transcribe())
    except NoProviderError as error:
        named = {name for name, _ in error.failures}
        assert not any(fault in HARMLESS for fault in faults), error  # noqa: PT017 - the same
        assert named == {server.url for server in flight.servers}
    else:
        index = int(transcript.text.rpartition(" ")[2])
        assert transcript.provider == flight.servers[index].url
        assert faults[index] in ANSWERING


@thorough
@given(st.lists(st.lists(fast_faults, min_size=3, max_size=3), min_size=1, max_size=6))
def test_someone_answers_if_anyone_can_and_nothing_is_said_twice(turns: list[list[Fault]]) -> None:
    async def scenario() -> None:
        async with flock(3) as flight:
            for faults in turns:
                await hold(flight, faults)

    asyncio.run(scenario())


@settings(thorough, max_examples=3)
@given(st.lists(st.lists(any_fault, min_size=2, max_size=2), min_size=1, max_size=2))
def test_the_same_holds_for_endpoints_that_hang(turns: list[list[Fault]]) -> None:
    async def scenario() -> None:
        async with flock(2) as flight:
            for faults in turns:
                await hold(flight, faults)

    asyncio.run(scenario())


@pytest.mark.anyio
@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name.lower())
async def test_after_each_kind_of_failure_the_next_endpoint_says_it_all(fault: Fault) -> None:
    async with flock(2) as flight:
        await hold(flight, [fault, Fault.NONE])
