"""When a turn ends: one character is 20 ms, `s` speech, `_` silence; `F` and `U` are silence that reads finished or not."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicemode.audio.turns.endpointer import (
    LEAST_SHARE,
    MOST_SHARE,
    PAUSE_SECONDS,
    THINKING_SECONDS,
    WAITS,
    Endpointer,
    Evidence,
    Pace,
    Rules,
    TurnState,
    share,
    wait_seconds,
)
from voicemode.text.completeness import FINISHED, UNFINISHED

SECOND = 50
FRAME = 0.02
PLAIN = Rules(silence_seconds=1.0)
HEARD = {"F": {"reads": 0.95, "sounds": 0.95}, "U": {"reads": 0.05}, "T": {"reads": 0.95}}
"""What is heard at a pause: it is finished; it reads unfinished; it reads finished, and nobody knows how it sounds."""
PACES: list[Pace] = ["quick", "normal", "patient"]
CHANCES = st.one_of(st.none(), st.floats(0, 1))
EVIDENCE = st.builds(Evidence, sounds=CHANCES, reads=CHANCES, reading=st.booleans(), hearing=st.booleans())


def run(script: str, rules: Rules) -> tuple[TurnState, float]:
    """How the turn ended, and after how many seconds of audio."""
    endpointer = Endpointer(rules)
    for count, char in enumerate(script, start=1):
        turn = endpointer.feed(char == "s", FRAME)
        if char in HEARD:
            endpointer.weigh(**HEARD[char])
        if turn.done:
            return turn, count * FRAME
    return endpointer.turn, len(script) * FRAME


@pytest.mark.parametrize(
    ("script", "turn", "seconds"),
    [
        pytest.param("s" * SECOND + "_" * 60, TurnState.SILENCE, 2.0, id="silence after speech ends the turn"),
        pytest.param("_" * 600, TurnState.NO_SPEECH, 10.0, id="patience ends without a word"),
        pytest.param("s_" * 400, TurnState.NO_SPEECH, 10.0, id="clicks do not begin a turn"),
        pytest.param("sssssssss_" * 60, TurnState.NO_SPEECH, 10.0, id="coughs do not begin a turn"),
        pytest.param("_" * 495 + "s" * 50 + "_" * 60, TurnState.SILENCE, 11.9, id="a word begun at the last moment is heard"),
        pytest.param("s" * 9000, TurnState.TOO_LONG, 120.0, id="the longest turn is counted from its first word"),
        pytest.param("_" * 250 + "s" * 9000, TurnState.TOO_LONG, 125.0, id="waiting does not shorten it"),
        pytest.param(
            "s" * 50 + "_" * 47 + "sss" + "_" * 50, TurnState.SILENCE, 3.0, id="a word within the pause starts it anew"
        ),
        pytest.param("s" * 50 + "_" * 30 + "ss" + "_" * 30, TurnState.SILENCE, 2.0, id="a click within the pause does not"),
        pytest.param(
            "s" * 50 + "_" * 48 + "ss" + "_", TurnState.SILENCE, 2.02, id="but it might be a word, so its end is awaited"
        ),
        pytest.param("s" * 50 + "_" * 20, TurnState.PAUSED, 1.4, id="a short pause is a pause"),
        pytest.param("s" * 50 + "_" * 5, TurnState.SPEAKING, 1.1, id="what lies between two words is none"),
        pytest.param("s" * 5, TurnState.WAITING, 0.1, id="a cough is not a turn"),
    ],
)
def test_a_turn_that_ends_by_plain_silence(script: str, turn: TurnState, seconds: float) -> None:
    ended, after = run(script, PLAIN)
    assert ended is turn
    assert after == pytest.approx(seconds, abs=0.021)


@pytest.mark.parametrize(
    ("script", "turn", "pause"),
    [
        pytest.param("_", TurnState.SILENCE, WAITS["normal"].usual, id="nothing is known"),
        pytest.param("F", TurnState.FINISHED, WAITS["normal"].finished, id="it is finished"),
        pytest.param("T", TurnState.FINISHED, WAITS["normal"].usual, id="text alone makes no turn shorter"),
        pytest.param("U", TurnState.SILENCE, WAITS["normal"].unfinished, id="it reads unfinished"),
        pytest.param("_" * 20 + "F", TurnState.FINISHED, 0.42, id="what comes late ends the turn at once"),
    ],
)
def test_a_turn_that_ends_by_what_is_heard(script: str, turn: TurnState, pause: float) -> None:
    ended, after = run("s" * SECOND + script + script[-1] * 200, Rules())
    assert ended is turn
    assert after == pytest.approx(1.0 + pause, abs=0.041)


def test_what_was_heard_at_one_pause_says_nothing_of_the_next() -> None:
    endpointer = Endpointer(Rules())
    for char in "s" * SECOND + "_" * 10:
        endpointer.feed(char == "s", FRAME)
    endpointer.weigh(reads=0.05)
    for char in "s" * 5 + "_" * 10:
        endpointer.feed(char == "s", FRAME)
    assert endpointer.evidence == Evidence()
    assert list(endpointer.pauses) == [pytest.approx(0.2)]


def test_what_comes_after_the_pause_is_too_late() -> None:
    endpointer = Endpointer(Rules())
    for _ in range(SECOND):
        endpointer.feed(is_speech=True, seconds=FRAME)
    endpointer.weigh(reads=0.95)
    assert endpointer.evidence == Evidence()


def test_nothing_changes_after_the_end() -> None:
    endpointer = Endpointer(Rules(silence_seconds=0.2))
    for char in "s" * 20 + "_" * 10:
        endpointer.feed(char == "s", FRAME)
    endpointer.end(TurnState.SENT)
    assert endpointer.feed(is_speech=True, seconds=100.0) is TurnState.SILENCE


@pytest.mark.parametrize("pace", PACES)
def test_the_less_finished_the_longer_the_wait(pace: Pace) -> None:
    waits = [wait_seconds(Evidence(reads=step / 20, sounds=step / 20), pace) for step in range(21)]
    assert all(before >= after for before, after in pairwise(waits))
    assert (waits[0], waits[-1]) == (WAITS[pace].unfinished, WAITS[pace].finished)


@given(EVIDENCE)
def test_the_presets_keep_their_order_whatever_is_heard(evidence: Evidence) -> None:
    quick, normal, patient = (wait_seconds(evidence, pace) for pace in PACES)
    assert quick < normal < patient


@given(EVIDENCE, st.sampled_from(PACES), st.lists(st.floats(0.1, 60)))
def test_a_wait_has_bounds_whatever_is_known(evidence: Evidence, pace: Pace, pauses: list[float]) -> None:
    seconds = wait_seconds(evidence, pace, pauses)
    assert WAITS[pace].finished * LEAST_SHARE <= seconds <= WAITS[pace].unfinished * MOST_SHARE


def test_while_the_text_is_being_made_the_turn_is_held_open() -> None:
    """No result comes before it, so nothing is gained by an earlier end."""
    assert wait_seconds(Evidence(reading=True), "normal") == WAITS["normal"].unfinished


def test_how_it_sounds_ends_no_turn_while_the_text_is_being_made() -> None:
    assert wait_seconds(Evidence(sounds=0.99, reading=True), "normal") == WAITS["normal"].unfinished


def test_how_it_sounds_alone_makes_no_wait_as_short_or_as_long_as_both_do() -> None:
    finished, unfinished = (wait_seconds(Evidence(sounds=sounds), "normal") for sounds in (1.0, 0.0))
    assert WAITS["normal"].finished < finished < WAITS["normal"].usual < unfinished < WAITS["normal"].unfinished


@pytest.mark.parametrize("pace", PACES)
def test_no_sound_outweighs_a_word_that_calls_for_more(pace: Pace) -> None:
    assert wait_seconds(Evidence(sounds=1.0, reads=UNFINISHED), pace) > WAITS[pace].usual


def test_a_pause_in_mid_sentence_is_not_ended_by_a_full_stop() -> None:
    assert wait_seconds(Evidence(sounds=0.1, reads=FINISHED), "normal") == WAITS["normal"].unfinished
    assert wait_seconds(Evidence(sounds=0.8, reads=FINISHED), "normal") == WAITS["normal"].finished


def test_a_text_that_comes_before_the_melody_is_judged_does_not_decide_alone() -> None:
    assert wait_seconds(Evidence(reads=0.95, hearing=True), "normal") == WAITS["normal"].usual


def test_who_asks_for_time_gets_it() -> None:
    assert wait_seconds(Evidence(sounds=1.0, reads=1.0, thinking=True), "quick") == THINKING_SECONDS


@pytest.mark.parametrize(
    ("pauses", "expected"),
    [
        ([], 1.0),
        ([3.0, 3.0], 1.0),
        ([0.2] * 9, LEAST_SHARE),
        ([0.6] * 9, 1.0),
        ([0.2, 0.2, 0.8, 0.8], 4 / 3),
        ([3.0] * 9, MOST_SHARE),
    ],
)
def test_the_wait_follows_the_speakers_own_pauses_within_bounds(pauses: list[float], expected: float) -> None:
    assert share(pauses) == pytest.approx(expected)


@given(st.text("s_FU", max_size=900), st.sampled_from(PACES))
def test_no_sound_ends_a_turn_too_early_or_too_late(script: str, pace: Pace) -> None:
    rules = Rules(pace=pace, max_seconds=4.0, patience_seconds=3.0)
    ended, after = run(script, rules)
    said = script[: round(after / FRAME)]
    if ended in (TurnState.FINISHED, TurnState.SILENCE):
        # Of the silence at the end, clicks in it included, as much as the shortest wait.
        spoken_until = said.rstrip("_FU").rfind("sss") + 3
        least = max(PAUSE_SECONDS, WAITS[pace].finished * LEAST_SHARE)
        assert (len(said) - spoken_until) * FRAME >= least - 1e-6
    if ended is TurnState.NO_SPEECH:
        assert after >= rules.patience_seconds - 1e-6
    onset = said.find("s" * 10)
    if onset >= 0:
        assert after <= onset * FRAME + rules.max_seconds + FRAME
    else:
        assert after <= rules.patience_seconds + 10 * FRAME


def test_no_pause_ends_what_is_held_and_none_counts_as_the_speakers_own() -> None:
    endpointer = Endpointer(PLAIN)
    endpointer.begin()
    for is_speech in [True] * SECOND + [False] * 3 * SECOND + [True] * SECOND:
        endpointer.feed(is_speech, FRAME, held=True)
    assert endpointer.turn is TurnState.SPEAKING
    assert list(endpointer.pauses) == []


def test_what_is_held_ends_at_the_longest_turn_all_the_same() -> None:
    endpointer = Endpointer(Rules(max_seconds=2.0))
    endpointer.begin()
    for _ in range(2 * SECOND):
        endpointer.feed(False, FRAME, held=True)
    assert endpointer.turn is TurnState.TOO_LONG
