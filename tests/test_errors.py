"""What a person is told when nobody can speak or understand: what they can do soonest comes first."""

from pathlib import Path

import pytest

from voicemode.errors import (
    LONGEST_REASON,
    NoProviderError,
    ProviderError,
    RecordingKeptError,
    RefusedKeyError,
    ServiceError,
    UnreachableError,
    UnsuitableError,
    WeightsError,
    ranked,
)

LOCAL = "http://127.0.0.1:8880/v1"
CLOUD = "https://api.openai.com/v1"
OTHER = "http://10.0.0.5:8000/v1"
CHECK = "Check that it runs and that its URL is right: voicemode doctor"


def stopped(cause: Exception = ServiceError("stopped")) -> ProviderError:  # noqa: B008 - never changed
    error = ProviderError("Kokoro is installed but stopped.", transient=False, hint="voicemode service start kokoro")
    error.__cause__ = cause
    return error


def refused(name: str = CLOUD) -> ProviderError:
    return RefusedKeyError(f"{name} did not accept the key (401): Wrong.", hint="Set OPENAI_API_KEY to a valid key.")


def absent(name: str = OTHER) -> ProviderError:
    return UnreachableError(f"{name} is not reachable.", transient=True, hint=CHECK)


def outage(name: str = CLOUD) -> ProviderError:
    return ProviderError(f"{name} failed (503): Overloaded.", transient=True)


def unsuitable(name: str = OTHER) -> ProviderError:
    return UnsuitableError(f"{name} has no voice alba.", hint="Choose one of its voices.")


@pytest.mark.parametrize(
    ("failures", "order"),
    [
        pytest.param([(CLOUD, refused()), (LOCAL, stopped())], [LOCAL, CLOUD], id="a command before a key"),
        pytest.param([(LOCAL, stopped(WeightsError("cut"))), (CLOUD, refused())], [LOCAL, CLOUD], id="weights, too"),
        pytest.param([(OTHER, absent()), (CLOUD, refused())], [CLOUD, OTHER], id="a key before what is not there"),
        pytest.param([(OTHER, unsuitable()), (CLOUD, refused())], [CLOUD, OTHER], id="a key before another wish"),
        pytest.param([(CLOUD, outage()), (OTHER, absent())], [OTHER, CLOUD], id="what is not there before an outage"),
        pytest.param([(OTHER, absent()), (LOCAL, absent(LOCAL))], [LOCAL, OTHER], id="this machine before others"),
        pytest.param([("b", outage()), ("a", outage())], ["b", "a"], id="else in the order tried"),
        pytest.param([(CLOUD, outage()), (CLOUD, refused())], [CLOUD], id="an endpoint that was asked twice counts once"),
        pytest.param([], [], id="none"),
    ],
)
def test_failures_are_ranked_by_what_a_person_can_do(failures: list[tuple[str, ProviderError]], order: list[str]) -> None:
    assert [name for name, _ in ranked(failures)] == order


def test_each_endpoint_has_a_line_with_its_reason_and_one_with_the_remedy() -> None:
    error = NoProviderError("speak", [(CLOUD, refused()), (LOCAL, stopped())])
    assert str(error) == (
        "No speech service could speak.\n"
        "- http://127.0.0.1:8880/v1: Kokoro is installed but stopped\n"
        "  → voicemode service start kokoro\n"
        "- https://api.openai.com/v1 did not accept the key (401): Wrong\n"
        "  → Set OPENAI_API_KEY to a valid key."
    )


def test_a_remedy_that_helps_several_is_told_once() -> None:
    error = NoProviderError("transcribe", [(OTHER, absent()), (CLOUD, outage()), (LOCAL, absent(LOCAL))])
    assert str(error) == (
        "No speech service could transcribe.\n"
        "- http://127.0.0.1:8880/v1 is not reachable\n"
        "- http://10.0.0.5:8000/v1 is not reachable\n"
        f"  → {CHECK}\n"
        "- https://api.openai.com/v1 failed (503): Overloaded"
    )


def test_where_there_is_no_endpoint_it_says_where_to_look() -> None:
    error = NoProviderError("speak", [])
    assert str(error) == (
        "No speech service could speak: none is configured. What there is, and what is missing: voicemode doctor"
    )


def test_a_long_reason_is_cut() -> None:
    error = NoProviderError("speak", [("there", ProviderError("there " + "failed " * 100, transient=True))])
    assert len(str(error)) < LONGEST_REASON + 50
    assert str(error).endswith("…")


@pytest.mark.parametrize(("failures", "transient"), [([outage(), refused()], True), ([refused(), stopped()], False)])
def test_asking_again_may_help_if_it_may_help_with_one(failures: list[ProviderError], transient: bool) -> None:
    assert NoProviderError("speak", [(str(n), error) for n, error in enumerate(failures)]).transient is transient


def test_what_comes_after_reasons_in_lines_is_a_line_too() -> None:
    error = RecordingKeptError(str(NoProviderError("transcribe", [(LOCAL, absent(LOCAL))])), Path("turn-1.wav"))
    assert str(error).splitlines()[-1] == "What was said is kept. To try again: voicemode transcribe turn-1.wav"
