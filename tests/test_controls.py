"""What a hand asks for concerns what goes on at that moment, and nothing later."""

import asyncio

import pytest

from voicemode.controls import Controls, ControlState, Doing, Typed


@pytest.mark.parametrize(
    ("doing", "stop", "skip", "send"),
    [
        ("idle", False, False, False),
        ("speaking", True, True, False),
        ("listening", True, False, True),
        ("transcribing", True, False, False),
    ],
)
def test_a_request_says_whether_there_is_something_it_concerns(doing: Doing, stop: bool, skip: bool, send: bool) -> None:
    hands = Controls()
    hands.now(doing)
    assert (hands.stop(), hands.skip(), hands.send()) == (stop, skip, send)


@pytest.mark.anyio
async def test_who_waits_is_woken() -> None:
    hands = Controls()
    hands.now("speaking")
    waiting = [asyncio.create_task(hands.skipped()), asyncio.create_task(hands.stopped())]
    hands.skip()
    hands.stop()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)


@pytest.mark.anyio
async def test_what_was_asked_of_one_turn_is_forgotten_by_the_next() -> None:
    hands = Controls()
    with hands.turn():
        hands.now("speaking")
        hands.stop()
        hands.skip()
        hands.now("listening")
        hands.send()
    assert hands.state == ControlState()
    assert not hands.sending
    for waiting in (hands.stopped(), hands.skipped()):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting, 0.01)


def test_mute_and_hold_stay_until_they_are_ended() -> None:
    hands = Controls()
    hands.mute(True)
    hands.hold(True)
    with hands.turn():
        hands.now("listening")
        assert hands.state == ControlState("listening", muted=True, held=True)
    assert hands.state == ControlState(muted=True, held=True)


def test_letting_go_sends_and_pressing_silences_us() -> None:
    hands = Controls()
    hands.now("listening")
    hands.hold(False)
    assert not hands.sending, "it was not down"
    hands.hold(True)
    hands.hold(False)
    assert hands.sending


@pytest.mark.parametrize(("doing", "ends"), [("idle", False), ("speaking", True), ("listening", True), ("transcribing", False)])
def test_what_is_typed_ends_the_turn_it_is_typed_in_and_is_kept_in_any_case(doing: Doing, ends: bool) -> None:
    hands = Controls()
    hands.now(doing)
    hands.write("  yes ", "Anna")
    hands.write("  ")
    assert hands.sending is ends
    assert hands.take() == [Typed("yes", "Anna")]
    assert hands.take() == []


def test_what_is_typed_while_we_speak_ends_the_listening_that_follows() -> None:
    hands = Controls()
    hands.now("speaking")
    hands.write("yes")
    hands.now("listening")
    assert hands.sending
