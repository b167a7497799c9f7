"""What the figures are made of, where it needs neither sound card nor engine."""

import pytest

from bench.figures import Figure, table
from bench.turn import speech_seconds
from tests.support.fakes import RATE, tone
from voicemode.audio.frames import join, silence


def test_the_median_is_held_against_the_aim() -> None:
    assert Figure(name="start", values=(0.9, 1.0, 7.0), at_most=1.1).verdict == "ok"
    assert Figure(name="start", values=(0.9, 1.2, 1.3), at_most=1.1).verdict == "missed"


def test_what_is_printed_as_the_aim_counts_as_reached() -> None:
    assert Figure(name="words wrong", unit="%", values=(2.94,), at_most=2.9).verdict == "ok"


def test_one_gap_is_a_gap() -> None:
    assert Figure(name="tightest join", values=(0.2, 0.0, 0.3), at_least=0.0).verdict == "ok"
    assert Figure(name="tightest join", values=(0.2, -0.01, 0.3), at_least=0.0).verdict == "missed"


def test_a_line_to_compare_with_has_no_verdict() -> None:
    assert Figure(name="floor", values=(0.5,)).verdict == ""


def test_the_table_is_aligned() -> None:
    figures = [Figure(name="start", values=(0.9,), incumbent="3 s", at_most=1.1), Figure(name="floor", values=(0.5,))]
    assert table(figures).splitlines() == [
        "figure   median   min      incumbent  aim",
        "-------------------------------------------------",
        "start    0.900 s  0.900 s  3 s        ≤ 1.1 s  ok",
        "  floor  0.500 s  0.500 s",
    ]


def test_speech_ends_with_its_last_loud_moment() -> None:
    clip = join([silence(0.5, RATE), tone(1.0), tone(0.3, level=100), silence(0.2, RATE)], RATE)
    assert speech_seconds(clip) == pytest.approx(1.0, abs=0.02)
