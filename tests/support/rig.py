"""A virtual sound card, private to its creator: a separate PulseAudio server with two devices.

A `Recording` captures what a program plays; `speak` feeds the microphone. Programs find the card through
`VirtualSound.environ`: libpulse, PortAudio (through ALSA's pulse plug-in) and miniaudio all obey it. The audio devices of
the person who runs the tests are not touched.

Needs, from Debian: pulseaudio pulseaudio-utils libasound2-plugins.
"""

import itertools
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from voicemode.audio.frames import SAMPLE_BYTES, Frame
from voicemode.audio.wav import wav_bytes

SPEAKER = "vm_speaker"
MICROPHONE = "vm_microphone"
CABLE = "vm_cable"
"""Sink that `speak` plays to and the microphone hears."""
RATE = 24_000
"""Sample rate of recordings, in Hz."""
PACKAGES = "pulseaudio pulseaudio-utils libasound2-plugins"
START_SECONDS = 10.0

# Only the devices of the rig: the system's own file adds dozens that do not exist.
ALSA = """
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.vm_speaker { type pulse device vm_speaker hint { show on description "vm_speaker" } }
pcm.vm_microphone { type pulse device vm_microphone hint { show on description "vm_microphone" } }
"""


def missing() -> str:
    """Return why there can be no virtual sound card here; empty if there can."""
    programs = [name for name in ("pulseaudio", "pactl", "paplay", "parec") if shutil.which(name) is None]
    return f"no {', '.join(programs)}: apt-get install {PACKAGES}" if programs else ""


class Recording:
    """The audio that a sink plays, from the creation of the recording on."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._chunks: list[tuple[float, bytes]] = []
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._read, name="rig-recording", daemon=True)
        self._thread.start()
        if not self._begun.wait(START_SECONDS):
            raise RuntimeError("The virtual speaker delivers nothing.")

    def _read(self) -> None:
        assert self._process.stdout is not None
        while chunk := self._process.stdout.read1(4096):  # type: ignore[attr-defined]
            self._chunks.append((time.monotonic(), chunk))
            self._begun.set()

    def close(self) -> None:
        self._process.terminate()
        self._thread.join()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def frame(self) -> Frame:
        """The audio so far."""
        pcm = b"".join(chunk for _, chunk in list(self._chunks))
        return Frame(pcm[: len(pcm) - len(pcm) % SAMPLE_BYTES], RATE)

    def came_at(self, sample: int) -> float:
        """Return `time.monotonic()` when `sample` was played; about 10 ms late."""
        chunks = list(self._chunks)
        ends = itertools.accumulate(len(chunk) // SAMPLE_BYTES for _, chunk in chunks)
        at, after = next((at, end - sample) for (at, _), end in zip(chunks, ends, strict=True) if end > sample)
        return at - after / RATE

    def first_sound_at(self, after: float = 0.0) -> float | None:
        """Return `time.monotonic()` when the first nonzero sample after `after` was played; about 10 ms late."""
        return next((at for at, chunk in list(self._chunks) if at > after and chunk.strip(b"\0")), None)

    def last_sound_at(self) -> float | None:
        """Return the same time for the last nonzero sample."""
        return next((at for at, chunk in reversed(list(self._chunks)) if chunk.strip(b"\0")), None)


class VirtualSound:
    """The sound card. A context manager: the card exists while it is entered."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="voicemode-sound-"))
        self._server: subprocess.Popen[bytes] | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        self._names = itertools.count()

    @property
    def environ(self) -> Mapping[str, str]:
        """Additions to a program's environment, to be set before the program loads an audio library."""
        return {
            "PULSE_SERVER": f"unix:{self.folder / 'native'}",
            "PULSE_COOKIE": str(self.folder / "cookie"),
            "PULSE_RUNTIME_PATH": str(self.folder),
            "ALSA_CONFIG_PATH": str(self.folder / "asound.conf"),
        }

    def __enter__(self) -> Self:
        (self.folder / "asound.conf").write_text(ALSA)
        own = {name: str(self.folder) for name in ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH")}
        self._server = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes"),
                f"--log-target=file:{self.folder / 'log'}",
                f"--load=module-native-protocol-unix auth-anonymous=1 socket={self.folder / 'native'}",
            ],
            env={"PATH": "/usr/bin:/bin", **own},
            stderr=subprocess.DEVNULL,
        )
        try:
            self._await_server()
            self.plug_in()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for process in (*self._processes, *([self._server] if self._server else [])):
            process.terminate()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def speak(self, sound: Path | Frame) -> "subprocess.Popen[bytes]":
        """Begin to play `sound` into the microphone; `wait()` waits for its end."""
        path = sound if isinstance(sound, Path) else self.folder / f"spoken-{next(self._names)}.wav"
        if isinstance(sound, Frame):
            path.write_bytes(wav_bytes(sound))
        command = ["paplay", f"--device={CABLE}", "--latency-msec=60", str(path)]
        process = subprocess.Popen(command, env=self._client_environ())
        self._processes.append(process)
        return process

    @contextmanager
    def record(self, sink: str = SPEAKER) -> Iterator[Recording]:
        """Record what the speaker plays, or with CABLE what the microphone hears, at RATE."""
        recording = Recording(self._parec(sink, subprocess.PIPE))
        try:
            yield recording
        finally:
            recording.close()

    @contextmanager
    def echo(self, level_db: float = -6.0, seconds: float = 0.1) -> Iterator[None]:
        """Feed the speaker into the microphone: softer, and delayed by `seconds` in addition to the sound server's latency."""
        module = self._control(
            *("load-module", "module-loopback", f"source={SPEAKER}.monitor", f"sink={CABLE}", "adjust_time=0"),
            f"latency_msec={round(seconds * 1000)}",
        ).strip()
        try:
            self._control("set-sink-input-volume", self._sink_input(module), f"{level_db}dB")
            yield
        finally:
            self._control("unload-module", module)

    def _sink_input(self, module: str) -> str:
        """Return the number of the sink input of `module`."""
        inputs = self._control("list", "sink-inputs").split("Sink Input #")
        return next(text.split()[0] for text in inputs if f"Owner Module: {module}\n" in text)

    def plug_in(self) -> None:
        """Add speaker and microphone, and make them the defaults."""
        self._load("module-null-sink", f"sink_name={SPEAKER}", "rate=48000", f"sink_properties=device.description={SPEAKER}")
        self._load("module-null-sink", f"sink_name={CABLE}", "rate=48000", "channels=1")
        self._load(
            *("module-remap-source", f"source_name={MICROPHONE}", f"master={CABLE}.monitor"),
            f"source_properties=device.description={MICROPHONE}",
        )
        self.choose_speaker(SPEAKER)
        self._control("set-default-source", MICROPHONE)
        # A null sink without listeners works in steps of two seconds, and a new listener has to wait for the next step.
        self._processes += [self._parec(sink, subprocess.DEVNULL) for sink in (SPEAKER, CABLE)]
        for probe in [Recording(self._parec(sink, subprocess.PIPE)) for sink in (SPEAKER, CABLE)]:
            probe.close()

    def choose_speaker(self, sink: str) -> None:
        """Make `sink`, SPEAKER or CABLE, the system's default."""
        self._control("set-default-sink", sink)

    def unplug(self) -> None:
        """Remove the whole card, because PulseAudio would move streams to a remaining device."""
        for name in (MICROPHONE, CABLE, SPEAKER):
            self._unload(name)

    def streams(self) -> tuple[int, int]:
        """Return how many programs have the (microphone, speaker) open, without the rig's recordings."""
        return self._foreign("source-outputs"), self._foreign("sink-inputs")

    def _foreign(self, kind: str) -> int:
        listing = self._control("list", kind)
        own = (
            'application.name = "parec"',
            'application.name = "paplay"',
            "Driver: module-remap-source.c",
            "Driver: module-loopback.c",
        )
        return listing.count("Driver: ") - sum(listing.count(mark) for mark in own)

    def _parec(self, sink: str, to: int) -> "subprocess.Popen[bytes]":
        command = ["parec", f"--device={sink}.monitor", f"--rate={RATE}", "--channels=1", "--format=s16le", "--latency-msec=5"]
        return subprocess.Popen(command, env=self._client_environ(), stdout=to, stderr=subprocess.DEVNULL)

    def _load(self, *module: str) -> None:
        self._control("load-module", *module)

    def _unload(self, name: str) -> None:
        for line in self._control("list", "short", "modules").splitlines():
            if f"_name={name}" in line:
                self._control("unload-module", line.split()[0])

    def _control(self, *command: str) -> str:
        return self._pactl(*command, check=True).stdout

    def _pactl(self, *arguments: str, check: bool) -> "subprocess.CompletedProcess[str]":
        command = ["pactl", *arguments]
        return subprocess.run(
            command, env=self._client_environ(), capture_output=True, text=True, check=check, timeout=START_SECONDS
        )

    def _client_environ(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "LC_ALL": "C", **self.environ}

    def _await_server(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self._pactl("info", check=False).returncode:
            if time.monotonic() > deadline or (self._server and self._server.poll() is not None):
                raise RuntimeError(f"PulseAudio does not start; see its log:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.02)
