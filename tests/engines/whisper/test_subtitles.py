from voicemode.engines.whisper.subtitles import Cue, clock, srt, vtt

CUES = [Cue(0.0, 1.5, "Hello."), Cue(3723.0456, 3725.0, "Two\n\nlines --> here")]


def test_subrip_numbers_its_cues_and_writes_decimal_commas() -> None:
    assert srt(CUES) == ("1\n00:00:00,000 --> 00:00:01,500\nHello.\n\n2\n01:02:03,046 --> 01:02:05,000\nTwo\nlines -> here\n")


def test_webvtt_begins_with_its_name_and_escapes_markup() -> None:
    assert vtt([Cue(0.0, 1.0, "a < b & c")]) == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na &lt; b &amp; c\n"


def test_no_cues_are_an_empty_file() -> None:
    assert srt([]) == ""
    assert vtt([]) == "WEBVTT\n"


def test_milliseconds_are_rounded_and_never_negative() -> None:
    assert clock(59.9996, ".") == "00:01:00.000"
    assert clock(-0.01, ".") == "00:00:00.000"
