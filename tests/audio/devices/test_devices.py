"""One contract for every sound library."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.rig import MICROPHONE, SPEAKER, VirtualSound
from voicemode.audio.devices import BACKENDS, Backend, Device, Kind, find_device, open_backend
from voicemode.errors import AudioDeviceError

RATE = 24_000
DEVICES = [
    Device(0, "Built-in Audio", "input", is_default=True),
    Device(1, "USB Headset", "input", is_default=False),
    Device(2, "USB Headset Pro", "input", is_default=False),
    Device(3, "Monitor", "output", is_default=True),
]


@pytest.fixture(params=list(BACKENDS))
def backend(request: pytest.FixtureRequest, virtual_sound: VirtualSound) -> Iterator[Backend]:
    try:
        yield open_backend(request.param)
    except AudioDeviceError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("wanted", "index"), [("1", 1), ("built", 0), ("PRO", 2), ("usb headset", 1)], ids=["index", "part", "case", "whole name"]
)
def test_a_device_is_found_by_index_or_name(wanted: str, index: int) -> None:
    found = find_device(DEVICES, wanted, "input")
    assert found is not None
    assert found.index == index


def test_no_wish_leaves_the_choice_to_the_system() -> None:
    assert find_device(DEVICES, "", "input") is None


@pytest.mark.parametrize(("wanted", "problem"), [("usb", "more than one"), ("banana", "not here"), ("3", "not here")])
def test_a_name_that_does_not_decide_lists_those_that_would(wanted: str, problem: str) -> None:
    with pytest.raises(AudioDeviceError, match=rf"{problem}.*'USB Headset'.*VOICEMODE_INPUT_DEVICE"):
        find_device(DEVICES, wanted, "input")


@pytest.mark.sound
def test_both_directions_are_listed(backend: Backend) -> None:
    devices = backend.devices()
    assert any(device.kind == "input" and MICROPHONE in device.name for device in devices)
    assert any(device.kind == "output" and SPEAKER in device.name for device in devices)


@pytest.mark.sound
@pytest.mark.parametrize("kind", ["input", "output"])
def test_the_default_is_marked(backend: Backend, kind: Kind) -> None:
    defaults = [device.name for device in backend.devices() if device.kind == kind and device.is_default]
    assert defaults in ([MICROPHONE if kind == "input" else SPEAKER], ["default"])


@pytest.mark.sound
def test_a_microphone_delivers_only_after_its_start(backend: Backend) -> None:
    heard = threading.Event()
    with closing(backend.open_input(MICROPHONE[3:].upper(), RATE, lambda pcm: heard.set())) as stream:
        assert stream.rate == RATE
        assert not heard.wait(0.1)
        stream.start()
        assert heard.wait(2)


@pytest.mark.sound
def test_a_speaker_asks_for_sound_only_after_its_start(backend: Backend) -> None:
    asked = threading.Event()

    def fill(samples: int) -> bytes:
        asked.set()
        return bytes(2 * samples)

    with closing(backend.open_output(SPEAKER, RATE, fill)) as stream:
        assert not asked.wait(0.1)
        stream.start()
        assert asked.wait(2)


@pytest.mark.sound
def test_an_unknown_name_is_an_error_that_lists_the_devices(backend: Backend) -> None:
    with pytest.raises(AudioDeviceError, match=f"'banana' is not here.*{SPEAKER}"):
        backend.open_output("banana", RATE, bytes)


@pytest.mark.sound
def test_without_a_sound_system_the_error_says_what_to_look_at(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nowhere/native")
    with (
        pytest.raises(AudioDeviceError, match="voicemode doctor"),
        closing(backend.open_input("", RATE, lambda pcm: None)) as stream,
    ):
        stream.start()


@pytest.mark.sound
def test_a_closed_device_is_free_and_stays_closed(backend: Backend, virtual_sound: VirtualSound) -> None:
    stream = backend.open_input("", RATE, lambda pcm: None)
    stream.start()
    assert virtual_sound.streams() == (1, 0)
    stream.close()
    stream.close()
    stream.start()
    assert virtual_sound.streams() == (0, 0)


@pytest.mark.sound
def test_twenty_turns_leak_no_thread_and_no_descriptor(backend: Backend) -> None:
    use(backend)
    before = resources()
    for _ in range(20):
        use(backend)
    assert resources() == before


@pytest.mark.sound
@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux tells which signals a program has taken for itself.")
def test_signals_stay_what_the_program_has_made_of_them(backend: Backend) -> None:
    before = caught_signals()
    with closing(backend.open_input("", RATE, lambda pcm: None)) as stream:
        stream.start()
        assert caught_signals() == before


def caught_signals() -> set[signal.Signals]:
    """Those that do not end this process as the system would have it, whoever has seen to that."""
    status = Path("/proc/self/status").read_text()
    mask = int(status.split("SigCgt:")[1].split()[0], 16)
    return {number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT) if mask >> (number - 1) & 1}


def use(backend: Backend) -> None:
    asked = threading.Event()

    def fill(samples: int) -> bytes:
        asked.set()
        return bytes(2 * samples)

    with (
        closing(backend.open_input("", RATE, lambda pcm: None)) as microphone,
        closing(backend.open_output(SPEAKER, RATE, fill)) as speaker,
    ):
        microphone.start()
        speaker.start()
        assert asked.wait(2)


def resources() -> tuple[int, int]:
    return len(list(Path("/proc/self/task").iterdir())), len(list(Path("/proc/self/fd").iterdir()))
