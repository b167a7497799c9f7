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
    controls = Controls()
    controls.now(doing)
    assert (controls.stop(), controls.skip(), controls.send()) == (stop, skip, send)


@pytest.mark.anyio
async def test_who_waits_is_woken() -> None:
    controls = Controls()
    controls.now("speaking")
    waiting = [asyncio.create_task(controls.skipped()), asyncio.create_task(controls.stopped())]
    controls.skip()
    controls.stop()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)


@pytest.mark.anyio
async def test_what_was_asked_of_one_turn_is_forgotten_by_the_next() -> None:
    controls = Controls()
    with controls.turn():
        controls.now("speaking")
        controls.stop()
        controls.skip()
        controls.now("listening")
        controls.send()
    assert controls.state == ControlState()
    assert not controls.sending
    for waiting in (controls.stopped(), controls.skipped()):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting, 0.01)


def test_mute_and_hold_stay_until_they_are_ended() -> None:
    controls = Controls()
    controls.mute(True)
    controls.hold(True)
    with controls.turn():
        controls.now("listening")
        assert controls.state == ControlState("listening", muted=True, held=True)
    assert controls.state == ControlState(muted=True, held=True)


def test_letting_go_sends_and_pressing_silences_us() -> None:
    controls = Controls()
    controls.now("listening")
    controls.hold(False)
    assert not controls.sending, "it was not down"
    controls.hold(True)
    controls.hold(False)
    assert controls.sending


@pytest.mark.parametrize(("doing", "ends"), [("idle", False), ("speaking", True), ("listening", True), ("transcribing", False)])
def test_what_is_typed_ends_the_turn_it_is_typed_in_and_is_kept_in_any_case(doing: Doing, ends: bool) -> None:
    controls = Controls()
    controls.now(doing)
    controls.write("  yes ", "Anna")
    controls.write("  ")
    assert controls.sending is ends
    assert controls.take() == [Typed("yes", "Anna")]
    assert controls.take() == []


def test_what_is_typed_while_we_speak_ends_the_listening_that_follows() -> None:
    controls = Controls()
    controls.now("speaking")
    controls.write("yes")
    controls.now("listening")
    assert controls.sending
