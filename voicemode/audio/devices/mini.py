"""Devices through miniaudio: its wheel is self-contained, and it converts sample rates. Imported at first use only."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import miniaudio

from voicemode.audio.devices import Deliver, Device, Fill, Kind, Stream, find_device, refused
from voicemode.audio.devices.quiet import quieten

PERIOD_SECONDS = 0.02
PERIODS = 3


def open_backend() -> "MiniaudioBackend":
    quieten()
    return MiniaudioBackend()


class MiniaudioBackend:
    name = "miniaudio"

    def __init__(self) -> None:
        # Without a sound system the null backend would "work", without any audio.
        real = miniaudio.get_enabled_backends() - {miniaudio.Backend.NULL, miniaudio.Backend.CUSTOM}
        self._systems = sorted(real, key=lambda system: int(system.value))

    def devices(self) -> list[Device]:
        try:
            found = _Listing(self._systems)
            return _devices(found.get_captures(), "input") + _devices(found.get_playbacks(), "output")
        except miniaudio.MiniaudioError:
            return []

    def open_input(self, wanted: str, rate: int, deliver: Deliver) -> Stream:
        return self._open("input", wanted, rate, _hear(deliver))

    def open_output(self, wanted: str, rate: int, fill: Fill) -> Stream:
        return self._open("output", wanted, rate, _speak(fill))

    def _open(self, kind: Kind, wanted: str, rate: int, callback: Generator[bytes, Any, None]) -> Stream:
        device_class = miniaudio.CaptureDevice if kind == "input" else miniaudio.PlaybackDevice
        with _translated(kind, wanted):
            device = device_class(
                nchannels=1,
                sample_rate=rate,
                buffersize_msec=round(PERIOD_SECONDS * 1000),
                callback_periods=PERIODS,
                device_id=self._find_id(wanted, kind),
                backends=self._systems,
                app_name="VoiceMode",
            )
        return _MiniaudioStream(device, rate, callback, partial(_translated, kind, wanted))

    def _find_id(self, wanted: str, kind: Kind) -> Any:
        if not wanted:
            return None
        found = _Listing(self._systems)
        infos = found.get_captures() if kind == "input" else found.get_playbacks()
        device = find_device(_devices(infos, kind), wanted, kind)
        return infos[device.index]["id"] if device else None


# `_get_info` is private to the library: pyproject.toml pins its version.
class _Listing(miniaudio.Devices):  # type: ignore[misc]
    def _get_info(self, device_type: Any, device_info: Any) -> dict[str, Any]:
        # The library would open every device to query its formats, which we do not need.
        return {"is_default": bool(device_info.isDefault)}


def _devices(infos: list[dict[str, Any]], kind: Kind) -> list[Device]:
    return [Device(index, info["name"], kind, info.get("is_default", False)) for index, info in enumerate(infos)]


def _hear(deliver: Deliver) -> Generator[bytes, Any, None]:
    while True:
        deliver(bytes((yield b"")))


def _speak(fill: Fill) -> Generator[bytes, Any, None]:
    samples = yield b""
    while True:
        samples = yield fill(samples)


@contextmanager
def _translated(kind: Kind, wanted: str) -> Iterator[None]:
    """Translate the library's errors into ours."""
    try:
        yield
    except miniaudio.MiniaudioError as error:
        raise refused(kind, wanted, error.args[0]) from error


class _MiniaudioStream:
    def __init__(
        self,
        device: Any,
        rate: int,
        callback: Generator[bytes, Any, None],
        translated: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.rate = rate
        self.latency_seconds = PERIOD_SECONDS * PERIODS
        self._device = device
        self._callback = callback
        self._translated = translated
        self._lock = threading.Lock()

    def start(self) -> None:
        with self._lock, self._translated():
            if self._device is not None:
                next(self._callback)
                self._device.start(self._callback)

    def close(self) -> None:
        with self._lock:
            device, self._device = self._device, None
            if device is None:
                return
            device.close()
            # The library leaks its context, and with it a connection to the sound server.
            context, device._context = device._context, None
            if context is not None:
                miniaudio.lib.ma_context_uninit(context)
