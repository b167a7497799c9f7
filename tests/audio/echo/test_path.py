"""The echo path of a machine: found in noise, measured, and what to do about it."""

import json
import random
from array import array

import pytest

from tests.cli.test_cli import voicemode
from tests.support.rig import VirtualSound
from voicemode.audio.echo.path import LEAD_SECONDS, RATE, EchoPath, advise, find_echo, sweep
from voicemode.audio.frames import Frame, level_db, pcm_of, samples_of

NOISE_DB = -60.0
"""Of a quiet room."""


def heard(*echoes: tuple[float, float], noise_db: float = NOISE_DB) -> Frame:
    """What a microphone hears of the sweep; each echo is (decibels, seconds later)."""
    chance, played = random.Random(5), samples_of(sweep().pcm)
    hiss = 32768 * 10 ** (noise_db / 20)
    mixed = [chance.gauss(0, hiss) for _ in range(len(played) + round(0.8 * RATE))]
    for echo_db, later in echoes:
        gain, delay = 10 ** (echo_db / 20), round(later * RATE)
        for index, sample in enumerate(played):
            mixed[index + delay] += gain * sample
    return Frame(pcm_of(array("h", (max(-32768, min(32767, round(value))) for value in mixed))), RATE)


@pytest.mark.parametrize(("echo_db", "later"), [(0.0, 0.02), (-6.0, 0.15), (-20.0, 0.4), (-40.0, 0.06)])
def test_an_echo_is_measured_to_a_decibel_and_a_millisecond(echo_db: float, later: float) -> None:
    path = find_echo(heard((echo_db, later)))
    assert path.level_db == pytest.approx(echo_db, abs=1.0)
    assert path.begins_seconds - LEAD_SECONDS == pytest.approx(later, abs=0.001)


def test_what_a_room_adds_counts_and_the_first_sound_tells_the_delay() -> None:
    path = find_echo(heard((-12.0, 0.08), (-18.0, 0.1), (-20.0, 0.15)))
    assert path.level_db == pytest.approx(-10.5, abs=1.0)
    assert path.begins_seconds - LEAD_SECONDS == pytest.approx(0.08, abs=0.001)


def test_an_echo_as_soft_as_the_noise_is_found() -> None:
    path = find_echo(heard((-25.0, 0.1), noise_db=-44.0))
    assert path.level_db == pytest.approx(-25.0, abs=2.0)


def test_without_an_echo_none_is_found_and_how_soft_it_could_have_been_is_told() -> None:
    quiet, noisy = find_echo(heard()), find_echo(heard(noise_db=-20.0))
    assert (quiet.level_db, noisy.level_db) == (None, None)
    assert quiet.floor_db < -50 < -35 < noisy.floor_db


def test_the_sweep_is_soft() -> None:
    assert level_db(sweep()) < -18


@pytest.mark.parametrize(
    ("echo_db", "floor_db", "delay_seconds", "canceller", "mode", "reason"),
    [
        (None, -60.0, 0.0, False, "headphones", "headphones"),
        (-50.0, -70.0, 0.1, True, "headphones", "headphones"),
        (None, -30.0, 0.0, True, "auto", "too noisy"),
        (-6.0, -60.0, 0.1, True, "auto", "removes it"),
        (3.0, -50.0, 0.1, True, "auto", "softer speaker"),
        (-6.0, -60.0, 0.1, False, "off", "Install it"),
        (-6.0, -60.0, 0.7, True, "off", "too late"),
    ],
)
def test_what_suits_depends_on_the_echo_and_on_what_is_installed(
    echo_db: float | None, floor_db: float, delay_seconds: float, canceller: bool, mode: str, reason: str
) -> None:
    path = EchoPath(level_db=echo_db, begins_seconds=delay_seconds, floor_db=floor_db)
    advice = advise(path, delay_seconds, canceller=canceller)
    assert advice.mode == mode
    assert reason in advice.reason


@pytest.mark.sound
def test_doctor_measures_the_echo_of_this_machine_and_says_what_suits(virtual_sound: VirtualSound) -> None:
    with virtual_sound.echo(level_db=-6.0, seconds=0.1):
        done = voicemode("doctor", "--echo", "--json", **virtual_sound.environ)
    measured = json.loads(done.stdout)
    assert measured["path"]["level_db"] == pytest.approx(-6.0, abs=2.0)
    # The virtual cable is not exact, and the machine may be busy.
    assert 0.05 < measured["delay_seconds"] < 0.6
    assert measured["advice"]["mode"] in {"auto", "off"}
