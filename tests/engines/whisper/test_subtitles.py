from voicemode.engines.whisper.subtitles import Cue, clock, readable, srt, vtt

CUES = [Cue(0.0, 1.5, "Hello."), Cue(3723.0456, 3725.0, "Two\n\nlines --> here")]


def test_subrip_numbers_its_cues_and_writes_decimal_commas() -> None:
    assert srt(CUES) == ("1\n00:00:00,000 --> 00:00:01,500\nHello.\n\n2\n01:02:03,046 --> 01:02:05,000\nTwo lines -> here\n")


def test_webvtt_begins_with_its_name_and_escapes_markup() -> None:
    assert vtt([Cue(0.0, 1.0, "a < b & c")]) == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na &lt; b &amp; c\n"


def test_no_cues_are_an_empty_file() -> None:
    assert srt([]) == ""
    assert vtt([]) == "WEBVTT\n"


def test_milliseconds_are_rounded_and_never_negative() -> None:
    assert clock(59.9996, ".") == "00:01:00.000"
    assert clock(-0.01, ".") == "00:00:00.000"


def test_a_cue_has_two_lines_of_42_characters_about_as_long_as_each_other() -> None:
    text = "However, due to the slow communication channels, styles in the West could lag"
    lines = srt([Cue(0.0, 6.0, text)]).splitlines()[2:]
    assert lines == ["However, due to the slow communication", "channels, styles in the West could lag"]


def test_a_cue_is_shown_for_a_second_at_least_and_seven_at_most() -> None:
    shown = readable([Cue(0.0, 0.4, "Yes."), Cue(2.0, 2.3, "I see."), Cue(2.6, 12.0, "Mm."), Cue(20.0, 20.1, "No.")])
    assert [(cue.start_seconds, cue.end_seconds) for cue in shown] == [(0.0, 1.0), (2.0, 2.6), (2.6, 9.6), (20.0, 21.0)]
