"""What `doctor` tells of talking over us, and which of its examinations are for people only."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.test_cli import voicemode
from tests.support.endpoints import answers, endpoint, routes
from voicemode import tools
from voicemode.app import open_app
from voicemode.audio.devices import Device
from voicemode.errors import Remedy
from voicemode.tools._doctor_check import Check, Mark
from voicemode.tools._doctor_sound import about_device, about_interrupting
from voicemode.tools.doctor import Diagnosis, doctor


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
    assert "Error: The system's microphone cannot be opened" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("marks", "failed", "last"),
    [
        (["ok", "ok"], False, "All is well."),
        (["ok", "attention"], False, "You can talk. 1 thing wants attention: see what is marked !."),
        (["attention", "attention"], False, "You can talk. 2 things want attention: see what is marked !."),
        (["attention", "broken"], True, "Something has to be done before you can talk: see what is marked !!."),
    ],
)
def test_the_last_line_is_true(marks: list[Mark], failed: bool, last: str) -> None:
    found = Diagnosis([Check("sound", "microphone", "found", mark=mark) for mark in marks])
    assert found.failed is failed
    assert str(found).splitlines()[-1] == last


def test_what_is_found_is_wrapped_and_its_remedy_below_it() -> None:
    remedy = Remedy("Start it", "voicemode service start whisper")
    check = Check("engines", "Whisper", "installed but stopped, and nobody is to start it", remedy, "attention")
    assert Diagnosis([check]).render(40).splitlines()[:5] == [
        "engines",
        "  !  Whisper: installed but stopped, and",
        "     nobody is to start it",
        "     → Start it:",
        "       voicemode service start whisper",
    ]


@pytest.mark.anyio
async def test_what_is_not_ok_has_a_remedy_that_does_not_lead_back_to_doctor(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WHISPER", "KOKORO"):
        monkeypatch.setenv(f"VOICEMODE_{name}_PORT", "9")
    async with open_app() as opened:
        found = await doctor(await opened.now())
    assert found.checks
    for check in found.checks:
        assert check.mark == "ok" or check.remedy, check
        assert check.remedy.command != "voicemode doctor", check


def test_names_of_alsas_plugins_are_no_devices() -> None:
    names = ["HDA Intel PCH: ALC257 Analog (hw:0,0)", "sysdefault", "surround51", "lavrate", "pulse", "default", "dmix"]
    devices = [Device(index, name, "input", is_default=index == 0) for index, name in enumerate(names)]
    assert about_device("input", "", devices).detail == f"{names[0]} (others: pulse, default)"


@pytest.mark.anyio
async def test_a_broken_engine_of_ours_is_no_ear_though_it_answers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remedy = {"text": "Fetch them", "command": "voicemode models download base"}
    health = {"service": "voicemode-whisper", "status": "failed", "error": "Its weights are missing.", "remedy": remedy}
    async with endpoint(routes({"/health": answers(503, health), "/v1/models": answers(200, {"data": []})})) as server:
        monkeypatch.setenv("VOICEMODE_WHISPER_PORT", str(urlsplit(server.url).port))
        monkeypatch.setenv("VOICEMODE_KOKORO_PORT", "9")
        async with open_app() as opened:
            found = await doctor(await opened.now())
    (engine,) = (check for check in found.checks if check.name.startswith("Whisper"))
    assert (engine.mark, engine.remedy) == ("broken", Remedy("Fetch them", "voicemode models download base"))
    assert "Its weights are missing." in engine.detail
