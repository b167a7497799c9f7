"""Microphones and speakers, through whichever sound library is installed.

Everything here blocks for milliseconds to seconds: call it in a thread. The libraries' own threads call `deliver` and
`fill`, which therefore only move bytes.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, Protocol, cast

from voicemode import egress
from voicemode.config.installer import to_install
from voicemode.errors import AudioDeviceError, Remedy

log = logging.getLogger(__name__)

BACKENDS = {
    "pyaudio": "voicemode.audio.devices.portaudio",
    "miniaudio": "voicemode.audio.devices.mini",
    "sdl": "voicemode.audio.devices.sdl",
}
"""Modules by backend, in order of preference. Each has a function `open_backend`."""

PACKAGES = {"pyaudio": "pyaudio", "miniaudio": "miniaudio", "sdl": "pysdl2-dll"}
"""Package to install for each backend."""

Kind = Literal["input", "output"]
Deliver = Callable[[bytes], None]
"""Callback for audio just recorded: mono, 16 bit."""
Fill = Callable[[int], bytes]
"""Callback that takes a number of samples and returns as many for the speaker: mono, 16 bit."""

WORDS: dict[Kind, str] = {"input": "microphone", "output": "speaker"}


@dataclass(frozen=True, slots=True)
class Device:
    index: int
    """Number of the device in its library; changes when other devices come and go."""
    name: str
    kind: Kind
    is_default: bool
    """True if the device is the system's default."""


class Stream(Protocol):
    """An open device; audio flows from `start` to `close`."""

    rate: int
    """Samples per second: the requested rate, or the one the device insists on."""
    latency_seconds: float
    """Delay from `fill` to the ear, or from the mouth to `deliver`, as estimated by the library."""

    def start(self) -> None:
        """Start the audio. Separate from opening, so that a speaker first requests audio, not silence before it.

        Raises AudioDeviceError. Has no effect on a closed stream.
        """

    def close(self) -> None:
        """Close the device; idempotent. No callback runs afterwards."""


class Backend(Protocol):
    """A sound library."""

    name: str

    def devices(self) -> list[Device]:
        """Return all devices present now. Raises AudioDeviceError."""

    def open_input(self, wanted: str, rate: int, deliver: Deliver) -> Stream:
        """Open a microphone. `wanted` is an index, part of a name, or empty for the system's default.

        Raises AudioDeviceError.
        """

    def open_output(self, wanted: str, rate: int, fill: Fill) -> Stream:
        """Open a speaker; otherwise like `open_input`."""


def open_backend(name: str = "auto") -> Backend:
    """Return the sound library `name`; `auto` is the first one installed. Raises AudioDeviceError."""
    if server := egress.distant_sound_server():
        raise AudioDeviceError(
            f"Microphone and speaker would be those of {server}, and VOICEMODE_LOCAL_ONLY is on.",
            hint="For those of this machine, start VoiceMode without PULSE_SERVER and without default-server in client.conf.",
        )
    candidates = list(BACKENDS) if name == "auto" else [name]
    for candidate in candidates:
        try:
            return cast("Backend", import_module(BACKENDS[candidate]).open_backend())
        except ImportError as error:
            # Being installed is not enough: PyAudio also fails where PortAudio itself is missing.
            log.debug("No %s: %s", candidate, error)
    raise AudioDeviceError(
        f"The sound library {' or '.join(candidates)} cannot be used here.",
        hint=to_install(PACKAGES[candidates[0]]),
    )


def find_device(devices: Sequence[Device], wanted: str, kind: Kind) -> Device | None:
    """Return the device of `kind` matching `wanted` (an index or part of a name, any case); None if that is empty.

    Raises AudioDeviceError that lists the devices present.
    """
    if not wanted:
        return None
    known = [device for device in devices if device.kind == kind]
    matches = [device for device in known if _matches(device, wanted)]
    exact = [device for device in matches if device.name.lower() == wanted.lower()]
    if len(exact or matches) == 1:
        return (exact or matches)[0]
    problem = "fits more than one" if matches else "is not here"
    listed = ", ".join(f"{device.index} {device.name!r}" for device in matches or known) or "none"
    raise AudioDeviceError(
        f"The {WORDS[kind]} {wanted!r} {problem}: {listed}.",
        hint=f"Set VOICEMODE_{kind.upper()}_DEVICE to an index or part of a name; empty follows the system.",
    )


def _matches(device: Device, wanted: str) -> bool:
    return device.index == int(wanted) if wanted.isdecimal() else wanted.lower() in device.name.lower()


def refused(kind: Kind, wanted: str, reason: object) -> AudioDeviceError:
    """Return the error for a device that is present but cannot be opened."""
    name = f"The {WORDS[kind]} {wanted!r}" if wanted else f"The system's {WORDS[kind]}"
    allow = "Allow this program to use it in the system's privacy settings, and see" if kind == "input" else "See"
    return AudioDeviceError(
        f"{name} cannot be opened ({reason}).",
        hint=Remedy(f"{allow} that it is plugged in and no other program holds it.", "voicemode doctor"),
    )


def lost(kind: Kind) -> AudioDeviceError:
    """Return the error for a device that disappeared while open."""
    return AudioDeviceError(
        f"The {WORDS[kind]} stopped working in the middle of the turn.",
        hint=Remedy("Was it unplugged? Connect it again or choose another one; the next turn looks anew.", "voicemode doctor"),
    )
