"""Progress as data: in words, with its speed, and across the border of a process."""

import json
from dataclasses import asdict

import pytest

from voicemode.progress import Progress, ProgressCounter, duration_text, from_json, size_text

DOWNLOAD = Progress("downloading", "whisper-base from a mirror", done=50e6, total=148e6, per_second=2e6)


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress("listening"), "listening"),
        (Progress("starting", "Whisper"), "starting Whisper"),
        (Progress("hearing", detail="what I was"), "hearing: what I was"),
        (Progress("building", "the environment", "Resolved 5 packages"), "building the environment: Resolved 5 packages"),
        (DOWNLOAD, "downloading whisper-base from a mirror: 34 % of 148 MB, 2 MB/s, 49 s left"),
        (Progress("downloading", "x", total=5e3), "downloading x: 0 % of 5 kB"),
        (
            Progress("transcribing", "talk.mp3", done=600, total=3600, unit="seconds", per_second=10),
            "transcribing talk.mp3: 17 % of 1 h, 5 min left",
        ),
    ],
)
def test_progress_in_words(progress: Progress, text: str) -> None:
    assert str(progress) == text


@pytest.mark.parametrize("progress", [DOWNLOAD, Progress("loading", "the engine")])
def test_another_process_reads_what_one_has_reported(progress: Progress) -> None:
    assert from_json(json.loads(json.dumps(asdict(progress)))) == progress


@pytest.mark.parametrize("said", [None, "fetching", {}, {"stage": ""}, ["downloading"]])
def test_what_is_no_progress_is_none(said: object) -> None:
    assert from_json(said) is None


def test_what_a_stranger_reports_cannot_break_who_shows_it() -> None:
    assert str(from_json({"stage": "downloading", "total": "much", "done": None, "what": 7})) == "downloading 7"


def test_speed_is_measured_since_the_first_was_counted_and_anew_where_it_begins_anew() -> None:
    now, seen = 0.0, list[Progress]()
    counter = ProgressCounter(Progress("downloading", total=100), seen.append, clock=lambda: now)
    for seconds, count in [(0, 40), (1, 10), (2, 30), (3, -80), (4, 20)]:
        now = seconds
        counter.advance(count)
    assert [(each.done, each.per_second) for each in seen] == [(40, 0), (50, 10), (80, 20), (0, 0), (20, 20)]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (3600, "1 h"), (273_600, "3 d 4 h"), (86_401, "1 d 1 s")]
)
def test_durations_are_told_by_their_two_largest_units(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(999, "1 kB"), (12_000, "12 kB"), (486e6, "486 MB"), (3.1e9, "3.1 GB")])
def test_sizes(count: float, text: str) -> None:
    assert size_text(count) == text
