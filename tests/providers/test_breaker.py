import pytest

from voicemode.errors import ProviderError, RefusedKeyError, UnsuitableError
from voicemode.providers.breaker import Breaker, BreakerState, rest_seconds
from voicemode.providers.member import ENOUGH, REMEMBERED, Latencies

DOWN = ProviderError("connection refused", transient=True)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_it_opens_after_three_failures_in_a_row(clock: Clock) -> None:
    breaker = Breaker(clock)
    seen = [breaker.state]
    for _ in range(3):
        breaker.failed(DOWN)
        seen.append(breaker.state)
    assert seen == [BreakerState.CLOSED, BreakerState.CLOSED, BreakerState.CLOSED, BreakerState.OPEN]


def test_an_answer_between_failures_starts_the_count_anew(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(5):
        breaker.failed(DOWN)
        breaker.failed(DOWN)
        breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED
    assert breaker.trusted
    assert breaker.last_error == ""


def test_one_failure_is_enough_to_be_asked_after_others(clock: Clock) -> None:
    breaker = Breaker(clock)
    breaker.failed(DOWN)
    assert not breaker.trusted
    assert breaker.last_error == "connection refused"


def test_the_rest_doubles_up_to_five_minutes() -> None:
    assert [rest_seconds(failures) for failures in range(1, 12)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert rest_seconds(10_000) == 300


def test_it_is_half_open_while_it_is_probed_and_open_again_if_that_fails(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(3):
        breaker.failed(DOWN)
    assert breaker.resting_seconds == 4
    clock.now += 4
    assert breaker.resting_seconds == 0
    breaker.probed()
    seen = [breaker.state]
    breaker.failed(DOWN)
    seen.append(breaker.state)
    assert breaker.resting_seconds == 8
    breaker.probed()
    breaker.succeeded()
    assert [*seen, breaker.state] == [BreakerState.HALF_OPEN, BreakerState.OPEN, BreakerState.CLOSED]


def test_one_that_is_merely_there_again_is_tried_and_rests_longer_if_it_fails(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(3):
        breaker.failed(DOWN)
    clock.now += 4
    breaker.probed()
    breaker.reached()
    assert (breaker.state, breaker.trusted, breaker.ailing) == (BreakerState.HALF_OPEN, True, False)
    breaker.failed(DOWN)
    assert (breaker.state, breaker.trusted, breaker.resting_seconds) == (BreakerState.OPEN, False, 8)
    breaker.reached()
    breaker.succeeded()
    breaker.failed(DOWN)
    assert (breaker.state, breaker.resting_seconds) == (BreakerState.CLOSED, 1)


def test_one_that_fails_is_not_probed_all_the_time_because_it_says_come_back_at_once(clock: Clock) -> None:
    breaker = Breaker(clock)
    breaker.failed(DOWN)
    breaker.failed(DOWN)
    clock.now += 2
    breaker.failed(ProviderError("asked too often", transient=True, retry_after_seconds=0))
    assert breaker.resting_seconds == 2


def test_a_refused_key_opens_it_at_once_and_for_long(clock: Clock) -> None:
    breaker = Breaker(clock)
    breaker.failed(RefusedKeyError("did not accept the key", hint="Set OPENAI_API_KEY to a valid key."))
    assert breaker.state is BreakerState.OPEN
    assert breaker.resting_seconds == 300


def test_too_many_requests_is_no_failure_but_a_rest_as_long_as_it_says(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(5):
        breaker.failed(ProviderError("asked too often", transient=True, retry_after_seconds=20))
    assert breaker.state is BreakerState.CLOSED
    assert breaker.resting_seconds == 20
    assert not breaker.trusted
    clock.now += 20
    assert breaker.trusted


def test_an_endpoint_that_says_to_come_back_next_week_is_looked_at_in_five_minutes(clock: Clock) -> None:
    breaker = Breaker(clock)
    breaker.failed(ProviderError("asked too often", transient=True, retry_after_seconds=7 * 86400))
    assert breaker.resting_seconds == 300


def test_what_it_does_not_have_is_no_failure_of_the_endpoint(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(5):
        breaker.failed(UnsuitableError("There is no voice alloy here."))
    assert breaker.trusted
    assert breaker.state is BreakerState.CLOSED


def test_percentiles_are_of_the_latest_answers() -> None:
    latencies = Latencies()
    for _ in range(REMEMBERED):
        latencies.add(9.0)
    for number in range(REMEMBERED):
        latencies.add(number / 10)
    assert len(latencies) == REMEMBERED
    assert latencies.percentile(0.5) == 3.2
    assert latencies.percentile(0.95) == 6.0
    assert latencies.percentile(1.0) == 6.3


def test_what_is_usual_is_said_after_some_answers_and_grows_with_what_is_asked() -> None:
    latencies = Latencies()
    assert latencies.percentile(0.5) is None
    for _ in range(ENOUGH - 1):
        latencies.add(1.0, cost=2.0)
    assert latencies.usual_seconds(1.0) is None
    latencies.add(1.0, cost=2.0)
    assert latencies.usual_seconds(1.0) == 0.5
    assert latencies.usual_seconds(4.0) == 2.0
