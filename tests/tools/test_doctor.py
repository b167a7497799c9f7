"""What `doctor` tells of talking over us, and which of its examinations are for people only."""

import pytest

from tests.cli.test_cli import voicemode
from voicemode import tools
from voicemode.tools._doctor_sound import about_interrupting
from voicemode.tools.doctor import doctor


@pytest.mark.parametrize(
    ("barge_in", "canceller", "detail", "remedy"),
    [
        ("auto", True, "on, the echo canceller is installed", ""),
        ("on", True, "on, the echo canceller is installed", ""),
        ("auto", False, "off: the echo canceller is not installed", "Install it"),
        ("headphones", False, "on, for headphones", ""),
        ("off", True, "off", ""),
        ("on", False, "off: the echo canceller is not installed", "Install it"),
    ],
)
def test_whether_one_can_talk_over_us_is_told(barge_in: str, canceller: bool, detail: str, remedy: str) -> None:
    check = about_interrupting(barge_in, canceller=canceller)
    assert check.detail.startswith(detail)
    assert str(check.remedy).startswith(remedy)
    assert bool(check.remedy) == bool(remedy)
    assert (check.mark == "broken") == (barge_in == "on" and not canceller), "a conversation refuses what it cannot do"


def test_what_takes_a_person_at_a_terminal_is_no_burden_for_agents() -> None:
    assert tools.parameters(doctor) == []
    options = voicemode("doctor", "--help").stdout
    assert "--turns [NUMBER]" in options
    assert "--echo" in options


def test_an_examination_for_a_terminal_fails_in_a_sentence_where_there_is_no_sound() -> None:
    done = voicemode("doctor", "--turns", "1", VOICEMODE_AUDIO_BACKEND="miniaudio", PULSE_SERVER="unix:/no/such")
    assert done.returncode == 1
    assert "\nError: " in done.stderr
    assert "Traceback" not in done.stderr
