"""Whether somebody talks over us: tables of what is heard, 10 ms a letter, and any sequence at all."""

import math
import random
from array import array
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicemode.audio.frames import SILENCE_DB, Frame, pcm_of, samples_of
from voicemode.audio.turns.barge_in import (
    MAX_SECONDS,
    NOTHING_SECONDS,
    PAUSE_SECONDS,
    PRE_ROLL_SECONDS,
    TURN_SECONDS,
    CleanedFrame,
    InterruptionDetector,
    InterruptionState,
)
from voicemode.audio.vad import RATE

STEP_SECONDS = 0.01
LEVELS = {"_": -65.0, "q": -55.0, "s": -25.0, "e": -25.0, "r": -50.0}
"""Nobody; something faint; somebody; our own voice, or all of it where the canceller has lost it; what it leaves of it."""
ECHO_DB = {"_": SILENCE_DB, "q": SILENCE_DB, "s": -31.0, "e": -25.0, "r": -25.0}
"""How loud our own voice may be in each."""


class LoudVad:
    """Takes whatever is loud for speech, as a detector does that is fooled by our own voice."""

    frame_seconds = 0.02
    probability = 0.0

    def is_speech(self, frame: Frame) -> bool:
        self.probability = float(max(map(abs, samples_of(frame.pcm)), default=0) > 100)
        return self.probability > 0


class DeafVad(LoudVad):
    """Hears loud sounds that are no speech."""

    def is_speech(self, frame: Frame) -> bool:
        return False


def heard(letter: str) -> CleanedFrame:
    chance = random.Random(letter)
    level = 32768 * 10 ** (LEVELS[letter] / 20)
    noise = array("h", (round(chance.gauss(0, level)) for _ in range(round(RATE * STEP_SECONDS))))
    return CleanedFrame(pcm_of(noise), RATE, ECHO_DB[letter])


HEARD = {letter: heard(letter) for letter in LEVELS}


def calls(interruption: InterruptionDetector, said: Iterable[str]) -> list[InterruptionState]:
    return [interruption.hear(HEARD[letter]) for letter in said]


def told(said: str, vad: LoudVad | None = None) -> str:
    """The calls that one after the other come of it, by their first letters."""
    letters = "".join(call.name[0] for call in calls(InterruptionDetector(vad or LoudVad()), said))
    return "".join(after for before, after in pairwise("Q" + letters) if after != before)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param("_" * 300, "", id="nobody"),
        pytest.param("_" * 50 + "q" * 50 + "_" * 50, "", id="something faint"),
        pytest.param("_" * 50 + "s" * 2 + "_" * 50, "MQ", id="a click"),
        pytest.param(("_" * 40 + "s") * 10, "MQ" * 9 + "M", id="clicks, far apart"),
        pytest.param("_" * 50 + "s" * 50 + "_" * 50, "MSO", id="a word"),
        pytest.param("_" * 50 + "s" * 100, "MST", id="a sentence"),
        pytest.param("_" * 50 + "s" * 50 + "_" * 20 + "s" * 50, "MST", id="a sentence with a pause in it"),
        pytest.param("_" * 50 + "s" * 30 + "_" * 40 + "s" * 20, "MSOS", id="a word and another one"),
        pytest.param("_" * 50 + "s" * 50 + "_" * 40 + "s" * 40, "MSOST", id="a word, and then they go on"),
        pytest.param("r" * 300, "", id="what the canceller leaves of our voice"),
        pytest.param("_" * 50 + "e" * 200 + "r" * 50, "MQ", id="our own voice, where the canceller has lost it"),
        pytest.param("r" * 100 + "s" * 100, "MST", id="somebody over our voice"),
    ],
)
def test_what_an_interruption_comes_to(said: str, expected: str) -> None:
    assert told(said) == expected


def test_what_is_loud_and_no_speech_does_not_interrupt() -> None:
    assert told("_" * 50 + "s" * 300, DeafVad()) == ""


def test_the_first_of_our_voice_before_anything_is_known_of_its_echo_does_not_interrupt() -> None:
    unknown = CleanedFrame(HEARD["s"].pcm, RATE, 0.0)
    interruption = InterruptionDetector(LoudVad())
    assert {interruption.hear(unknown) for _ in range(100)} == {InterruptionState.QUIET}


def test_frames_without_an_echo_and_of_any_length_are_judged_as_well() -> None:
    interruption = InterruptionDetector(LoudVad())
    quiet, loud = (Frame(HEARD[letter].pcm * 3, RATE) for letter in "_s")
    said = [interruption.hear(frame) for frame in [quiet] * 20 + [loud] * 40]
    assert said[-1] is InterruptionState.TURN


def test_somebody_is_told_from_a_click_within_a_tenth_of_a_second() -> None:
    assert calls(InterruptionDetector(LoudVad()), "_" * 50 + "s" * 10)[-1] is InterruptionState.SPEECH


def test_our_voice_goes_on_after_nothing_and_the_next_one_is_judged_anew() -> None:
    interruption = InterruptionDetector(LoudVad())
    assert calls(interruption, "_" * 50 + "s" * 50 + "_" * 40)[-1] is InterruptionState.OVER
    interruption.resume()
    assert calls(interruption, "_" * 40)[-1] is InterruptionState.QUIET
    assert calls(interruption, "s" * 50)[-1] is InterruptionState.SPEECH


def test_what_is_kept_is_what_was_given_frame_by_frame() -> None:
    interruption = InterruptionDetector(LoudVad())
    said = [HEARD[letter] for letter in "_" * 200 + "s" * 90]
    for frame in said:
        interruption.hear(frame)
    kept = interruption.kept
    assert all(mine is given for mine, given in zip(kept, said[-len(kept) :], strict=True))
    assert sum(frame is HEARD["_"] for frame in kept) * STEP_SECONDS == pytest.approx(PRE_ROLL_SECONDS, abs=0.05)


anything = st.lists(st.tuples(st.sampled_from("_qsre"), st.integers(1, 60)), max_size=12).map(
    lambda runs: "".join(letter * length for letter, length in runs)
)


@settings(deadline=None, max_examples=50)
@given(anything)
def test_the_turn_is_never_theirs_without_as_much_speech(said: str) -> None:
    interruption, steps = InterruptionDetector(LoudVad()), round(LoudVad.frame_seconds / STEP_SECONDS)
    for heard, letter in enumerate(said, start=1):
        if interruption.hear(HEARD[letter]) is InterruptionState.TURN:
            # The detector takes whole frames, of which a part may be silent.
            frames = [said[begin : begin + steps] for begin in range(0, heard, steps)]
            loud = sum(frame != "_" * len(frame) for frame in frames)
            assert loud * LoudVad.frame_seconds >= TURN_SECONDS - 1e-6
            assert "s" in said
            break


@settings(deadline=None, max_examples=50)
@given(anything)
def test_nobody_means_quiet_within_moments_and_whoever_spoke_is_over(said: str) -> None:
    interruption = InterruptionDetector(LoudVad())
    calls(interruption, said)
    quiet = "_" * math.ceil((max(NOTHING_SECONDS, PAUSE_SECONDS) + 0.2) / STEP_SECONDS)
    assert calls(interruption, quiet)[-1] in (InterruptionState.QUIET, InterruptionState.OVER, InterruptionState.TURN)


@settings(deadline=None, max_examples=50)
@given(anything)
def test_what_is_kept_begins_before_the_first_sound(said: str) -> None:
    interruption = InterruptionDetector(LoudVad())
    begun = len(said)
    for index, letter in enumerate(said):
        before, call = interruption.call, interruption.hear(HEARD[letter])
        if before is InterruptionState.QUIET:
            begun = index
        if call is not InterruptionState.QUIET:
            assert len(interruption.kept) >= min(index + 1, index - begun + round(PRE_ROLL_SECONDS / STEP_SECONDS))


def test_half_a_minute_is_kept_at_most() -> None:
    interruption = InterruptionDetector(LoudVad())
    calls(interruption, "s" * 4000)
    assert len(interruption.kept) * STEP_SECONDS == pytest.approx(MAX_SECONDS, abs=0.02)
