"""Devices through PyAudio, the binding of PortAudio. Imported at first use only."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyaudio

from voicemode.audio.devices import Deliver, Device, Fill, Kind, Stream, find_device, refused
from voicemode.audio.devices.quiet import quieten
from voicemode.errors import AudioDeviceError

PERIOD_SECONDS = 0.02
_LIBRARY = threading.RLock()
"""Lock for initializing, querying and terminating PortAudio, which is not thread-safe."""


def open_backend() -> "PyAudioBackend":
    return PyAudioBackend()


class PyAudioBackend:
    name = "pyaudio"

    def __init__(self) -> None:
        quieten()

    def devices(self) -> list[Device]:
        with _session() as session:
            return _devices(session, "input") + _devices(session, "output")

    def open_input(self, wanted: str, rate: int, deliver: Deliver) -> Stream:
        def callback(data: bytes, samples: int, timing: Any, status: int) -> tuple[None, int]:
            deliver(data)
            return None, pyaudio.paContinue

        return self._open("input", wanted, rate, callback)

    def open_output(self, wanted: str, rate: int, fill: Fill) -> Stream:
        def callback(data: None, samples: int, timing: Any, status: int) -> tuple[bytes, int]:
            return fill(samples), pyaudio.paContinue

        return self._open("output", wanted, rate, callback)

    def _open(self, kind: Kind, wanted: str, rate: int, callback: Callable[..., Any]) -> Stream:
        with _LIBRARY:
            # A new session sees the current devices and the current default.
            session = pyaudio.PyAudio()
            try:
                with _translated(kind, wanted):
                    return _PyAudioStream(session, kind, wanted, _open_stream(session, kind, wanted, rate, callback))
            except AudioDeviceError:
                session.terminate()
                raise


@contextmanager
def _translated(kind: Kind, wanted: str) -> Iterator[None]:
    """Translate the library's errors into ours."""
    try:
        yield
    except OSError as error:
        raise refused(kind, wanted, error.args[-1] if error.args else "no reason given") from error


def _open_stream(session: Any, kind: Kind, wanted: str, rate: int, callback: Callable[..., Any]) -> Any:
    chosen = find_device(_devices(session, kind), wanted, kind) if wanted else None
    index = chosen.index if chosen else _default_index(session, kind)
    for candidate in (rate, int(session.get_device_info_by_index(index)["defaultSampleRate"])):
        try:
            return session.open(
                rate=candidate,
                channels=1,
                format=pyaudio.paInt16,
                start=False,
                frames_per_buffer=round(candidate * PERIOD_SECONDS),
                stream_callback=callback,
                **{kind: True, f"{kind}_device_index": index},
            )
        except OSError as error:
            if pyaudio.paInvalidSampleRate not in error.args or candidate != rate:
                raise
    raise OSError(f"neither {rate} Hz nor its own rate is accepted")


def _devices(session: Any, kind: Kind) -> list[Device]:
    infos = [session.get_device_info_by_index(index) for index in range(session.get_device_count())]
    try:
        default = _default_index(session, kind)
    except OSError:
        default = -1
    channels = f"max{kind.capitalize()}Channels"
    return [Device(info["index"], info["name"], kind, is_default=info["index"] == default) for info in infos if info[channels]]


def _default_index(session: Any, kind: Kind) -> int:
    info = session.get_default_input_device_info() if kind == "input" else session.get_default_output_device_info()
    return int(info["index"])


@contextmanager
def _session() -> Iterator[Any]:
    with _LIBRARY:
        session = pyaudio.PyAudio()
        try:
            yield session
        finally:
            session.terminate()


class _PyAudioStream:
    def __init__(self, session: Any, kind: Kind, wanted: str, stream: Any) -> None:
        self.rate = int(stream._rate)
        latency = stream.get_input_latency() if kind == "input" else stream.get_output_latency()
        # PortAudio does not count the buffer of a sound server.
        self.latency_seconds = float(latency) + 2 * PERIOD_SECONDS
        self._translated = partial(_translated, kind, wanted)
        self._session = session
        self._stream = stream

    def start(self) -> None:
        with _LIBRARY, self._translated():
            if self._session is not None:
                self._stream.start_stream()

    def close(self) -> None:
        with _LIBRARY:
            session, self._session = self._session, None
            if session is None:
                return
            # Not stopped first: PortAudio would play out its buffer, which takes more than a second.
            self._stream.close()
            session.terminate()
