"""Who comes next. `a1` is the first thing of client `a`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicemode.engines.server.fair_queue import FairQueue


def anything(_thing: str) -> bool:
    return True


def line_of(arrivals: str, limit: int = 100) -> FairQueue[str]:
    line: FairQueue[str] = FairQueue(limit)
    for thing in arrivals.split():
        line.join(thing[0], thing)
    return line


def left(line: FairQueue[str]) -> str:
    """All of `line`, in the order it is taken."""
    taken = []
    while thing := line.take(anything):
        taken.append(thing)
    return " ".join(taken)


@pytest.mark.parametrize(
    ("arrivals", "order"),
    [
        ("", ""),
        ("a1 a2 a3", "a1 a2 a3"),
        ("a1 b1 c1", "a1 b1 c1"),
        ("a1 a2 a3 b1 c1 c2", "a1 b1 c1 a2 c2 a3"),
        ("a1 b1 b2 b3 a2", "a1 b1 a2 b2 b3"),
    ],
)
def test_one_thing_is_taken_from_each_client_in_turn(arrivals: str, order: str) -> None:
    assert left(line_of(arrivals)) == order


@pytest.mark.parametrize(
    ("waiting", "newcomer", "leaves"),
    [
        ("a1 a2", "b1", None),
        ("a1 a2 a3", "b1", "a3"),
        ("a1 a2 a3", "a4", "a4"),
        ("a1 b1 c1", "d1", "d1"),
        ("a1 a2 b1", "b2", "b2"),
        ("a1 b1 b2", "c1", "b2"),
    ],
)
def test_without_room_the_latest_of_whoever_has_most_leaves(waiting: str, newcomer: str, leaves: str | None) -> None:
    line = line_of(waiting, limit=3)
    assert line.join(newcomer[0], newcomer) == leaves
    assert len(line) == 3


def test_what_cannot_be_used_yet_is_passed_over_and_keeps_its_place() -> None:
    line = line_of("a1 a2 b1")
    assert line.take(lambda thing: thing != "a1") == "a2"
    assert line.take(lambda thing: thing == "c1") is None
    assert left(line) == "b1 a1"


def test_who_leaves_leaves_no_gap_and_its_client_keeps_its_turn() -> None:
    line = line_of("a1 b1 a2")
    line.leave("a1")
    line.leave("never joined")
    assert left(line) == "a2 b1"


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.sampled_from("abcd"))
def test_nobody_waits_for_more_than_one_turn_of_each_other(arrivals: list[str], client: str) -> None:
    things = [f"{name}{number}" for number, name in enumerate([*arrivals, client])]
    order = left(line_of(" ".join(things))).split()
    before = order[: order.index(next(thing for thing in things if thing[0] == client))]
    assert sorted(order) == sorted(things)
    assert len({thing[0] for thing in before}) == len(before)
