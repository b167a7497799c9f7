"""Devices through SDL, whose wheel exists where miniaudio's does not: on Linux arm64. Imported at first use only.

The package contains only the library, no binding: its functions are called with ctypes. Linux only.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ctypes import (
    CDLL,
    CFUNCTYPE,
    Structure,
    byref,
    c_char_p,
    c_int,
    c_uint8,
    c_uint16,
    c_uint32,
    c_void_p,
    memmove,
    memset,
    string_at,
)
from pathlib import Path
from typing import Any

import sdl2dll

from voicemode.audio.devices import Deliver, Device, Fill, Kind, Stream, find_device, refused
from voicemode.audio.devices.quiet import quieten
from voicemode.audio.frames import SAMPLE_BYTES

PERIOD_SECONDS = 0.02
PERIODS = 3
"""Periods buffered at once: one in SDL, two in ALSA. A sound server keeps fewer."""
HINTS = {
    # Otherwise SDL handles SIGTERM itself, and the program outlives it.
    b"SDL_NO_SIGNAL_HANDLERS": b"1",
    b"SDL_AUDIO_DEVICE_APP_NAME": b"VoiceMode",
}
AUDIO = 0x10  # SDL_INIT_AUDIO
SAMPLE_FORMAT = 0x8010  # AUDIO_S16LSB
STOPPED = 0  # SDL_AUDIO_STOPPED

Move = Callable[[int, int], None]
"""Callback that reads or fills SDL's buffer, given its address and its size in bytes."""

_LIBRARY = threading.RLock()
"""Lock for initializing, querying and closing SDL, which is not thread-safe."""
_Callback = CFUNCTYPE(None, c_void_p, c_void_p, c_int)


class _Spec(Structure):
    """SDL_AudioSpec."""

    _fields_ = (
        ("freq", c_int),
        ("format", c_uint16),
        ("channels", c_uint8),
        ("silence", c_uint8),
        ("samples", c_uint16),
        ("padding", c_uint16),
        ("size", c_uint32),
        ("callback", _Callback),
        ("userdata", c_void_p),
    )


def open_backend() -> "SdlBackend":
    return SdlBackend(_library())


def _library() -> Any:
    """Load SDL. Raises ImportError if the package has no library for this system."""
    try:
        sdl = CDLL(str(Path(sdl2dll.get_dllpath(), "libSDL2-2.0.so")))
    except OSError as error:
        raise ImportError(str(error)) from error
    sdl.SDL_GetError.restype = c_char_p
    sdl.SDL_GetAudioDeviceName.restype = c_char_p
    sdl.SDL_OpenAudioDevice.restype = c_uint32
    sdl.SDL_free.argtypes = [c_void_p]
    with _LIBRARY:
        for name, value in HINTS.items():
            sdl.SDL_SetHint(name, value)
    return sdl


class SdlBackend:
    name = "sdl"

    def __init__(self, sdl: Any) -> None:
        self._sdl = sdl
        quieten()

    def devices(self) -> list[Device]:
        try:
            with _session(self._sdl):
                return _devices(self._sdl, "input") + _devices(self._sdl, "output")
        except OSError:
            return []

    def open_input(self, wanted: str, rate: int, deliver: Deliver) -> Stream:
        def move(buffer: int, size: int) -> None:
            deliver(string_at(buffer, size))

        return self._open("input", wanted, rate, move)

    def open_output(self, wanted: str, rate: int, fill: Fill) -> Stream:
        def move(buffer: int, size: int) -> None:
            memmove(buffer, fill(size // SAMPLE_BYTES), size)

        return self._open("output", wanted, rate, move)

    def _open(self, kind: Kind, wanted: str, rate: int, move: Move) -> Stream:
        try:
            with ExitStack() as opened:
                # A new session sees the current devices and the current default.
                opened.enter_context(_session(self._sdl))
                device = find_device(_devices(self._sdl, kind), wanted, kind) if wanted else None
                stream = _SdlStream(self._sdl, rate, move)
                stream.open(kind, device.name if device else None, opened)
                return stream
        except OSError as error:
            raise refused(kind, wanted, error) from error


@contextmanager
def _session(sdl: Any) -> Iterator[None]:
    with _LIBRARY:
        if sdl.SDL_InitSubSystem(AUDIO):
            raise _failure(sdl)
    try:
        yield
    finally:
        with _LIBRARY:
            sdl.SDL_QuitSubSystem(AUDIO)


def _failure(sdl: Any) -> OSError:
    return OSError(sdl.SDL_GetError().decode())


def _devices(sdl: Any, kind: Kind) -> list[Device]:
    capture = kind == "input"
    default = _default_name(sdl, capture)
    with _LIBRARY:
        names = [sdl.SDL_GetAudioDeviceName(index, capture) for index in range(sdl.SDL_GetNumAudioDevices(capture))]
    # A device may have disappeared since the count.
    known = [(index, name.decode()) for index, name in enumerate(names) if name]
    return [Device(index, name, kind, is_default=name == default) for index, name in known]


def _default_name(sdl: Any, capture: bool) -> str:
    """Return the name of the system's default device; if SDL cannot tell, ALSA's name for it."""
    name = c_char_p()
    with _LIBRARY:
        if sdl.SDL_GetDefaultAudioInfo(byref(name), byref(_Spec()), capture) or name.value is None:
            return "default"
        try:
            return name.value.decode()
        finally:
            sdl.SDL_free(name)


class _SdlStream:
    def __init__(self, sdl: Any, rate: int, move: Move) -> None:
        self.rate = rate
        self.latency_seconds = PERIODS * PERIOD_SECONDS
        self._sdl = sdl
        self._move = move
        # Kept alive: SDL holds only its address.
        self._callback = _Callback(self._called)
        self._device = 0
        self._opened = ExitStack()

    def open(self, kind: Kind, name: str | None, opened: ExitStack) -> None:
        """Open the device called `name`, or the system's default; `close` also closes `opened`. Raises OSError."""
        wanted = _Spec(self.rate, SAMPLE_FORMAT, 1, samples=round(self.rate * PERIOD_SECONDS), callback=self._callback)
        encoded = name.encode() if name else None
        with _LIBRARY:
            # No format changes are allowed (the final 0): SDL converts.
            self._device = self._sdl.SDL_OpenAudioDevice(encoded, kind == "input", byref(wanted), byref(_Spec()), 0)
            if not self._device:
                raise _failure(self._sdl)
        self._opened = opened.pop_all()

    def start(self) -> None:
        with _LIBRARY:
            # A closed stream has device 0, which does not exist.
            self._sdl.SDL_PauseAudioDevice(self._device, 0)

    def close(self) -> None:
        with _LIBRARY:
            self._sdl.SDL_CloseAudioDevice(self._device)
            self._device = 0
            self._opened.close()

    def _called(self, _: None, buffer: int, size: int) -> None:
        # SDL keeps calling, with silence, when the device is gone; it counts as stopped then.
        if self._sdl.SDL_GetAudioDeviceStatus(self._device) == STOPPED:
            memset(buffer, 0, size)
        else:
            self._move(buffer, size)
