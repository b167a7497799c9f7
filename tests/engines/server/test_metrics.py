"""What Prometheus reads: the format, to the letter."""

from voicemode.engines.server.counters import Counters
from voicemode.engines.server.metrics import Counter, Histogram, gauge, render


def test_a_counter_has_a_line_for_each_set_of_labels() -> None:
    asked = Counter("asked_total", "How often.", [{"path": "/a"}])
    asked.add(path="/b", status="200")
    asked.add(path="/b", status="200")
    assert asked.total == 2
    assert render([asked.metric()]).splitlines() == [
        "# HELP asked_total How often.",
        "# TYPE asked_total counter",
        'asked_total{path="/a"} 0',
        'asked_total{path="/b",status="200"} 2',
    ]


def test_a_histogram_counts_all_that_is_no_larger_than_each_bound() -> None:
    took = Histogram("took_seconds", "How long.", (0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        took.observe(seconds, path="/a")
    assert render([took.metric()]).splitlines()[2:] == [
        'took_seconds_bucket{path="/a",le="0.1"} 2',
        'took_seconds_bucket{path="/a",le="1"} 3',
        'took_seconds_bucket{path="/a",le="+Inf"} 4',
        'took_seconds_sum{path="/a"} 7.65',
        'took_seconds_count{path="/a"} 4',
    ]


def test_labels_are_escaped() -> None:
    assert render([gauge("is", "It is.", 1, name='a"b\\c\nd')]).splitlines()[2] == r'is{name="a\"b\\c\nd"} 1'


def test_work_that_was_given_up_says_nothing_about_the_speed() -> None:
    tally = Counters()
    for seconds in (2.0, 0.0):
        with tally.work() as work:
            work.audio_seconds = seconds
    assert "voicemode_real_time_factor_count 1" in render(tally.metrics())
