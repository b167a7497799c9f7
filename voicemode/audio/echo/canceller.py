"""Echo cancellation: our own voice is removed from microphone audio by WebRTC's audio processing, loaded at first use."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from voicemode.audio.echo.level import FULL_DB, STEP_SECONDS, EchoLevel, EchoProgress
from voicemode.audio.echo.timeline import Timeline
from voicemode.audio.frames import SAMPLE_BYTES, SILENCE_DB, Frame, level_db
from voicemode.audio.turns.barge_in import CleanedFrame

RATE = 16_000
"""Sample rate of the audio that is cleaned, in hertz."""
STEP_BYTES = round(RATE * STEP_SECONDS) * SAMPLE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """Processing applied to microphone audio."""

    echo: bool = False
    noise_suppression: bool = False
    gain_control: bool = False

    @property
    def any(self) -> bool:
        return self.echo or self.noise_suppression or self.gain_control


def available() -> bool:
    """Return True if the library is installed, without loading it."""
    return find_spec("livekit") is not None and find_spec("livekit.rtc") is not None


class Canceller:
    """Echo canceller of one microphone. It adapts continuously: keep it as long as the devices stay the same."""

    def __init__(self, processing: Processing) -> None:
        """Takes up to a second. Raises ImportError if the library is missing."""
        from livekit.rtc.apm import AudioProcessingModule
        from livekit.rtc.audio_frame import AudioFrame

        self._audio_frame = AudioFrame
        self._module = AudioProcessingModule(
            echo_cancellation=processing.echo,
            noise_suppression=processing.noise_suppression,
            # Rumble below speech would count as sound.
            high_pass_filter=True,
            auto_gain_control=processing.gain_control,
        )
        self._echo = processing.echo
        self._level = EchoLevel()

    @property
    def progress(self) -> EchoProgress | None:
        """Progress of echo removal; None before it has been measured."""
        return self._level.progress

    def clean(self, frame: Frame, played: Frame, delay_seconds: float) -> CleanedFrame:
        """Clean a 10 ms `frame` at RATE; the speaker took `played` meanwhile, audible about `delay_seconds` later."""
        if self._echo:
            self._module.process_reverse_stream(self._packed(played))
            self._module.set_stream_delay_ms(round(delay_seconds * 1000))
        packed = self._packed(frame)
        self._module.process_stream(packed)
        # WebRTC fills silence with faint noise; digital silence must be kept, as it identifies a dead microphone.
        cleaned = bytes(packed.data.cast("B")) if frame.pcm.strip(b"\0") else frame.pcm
        echo_db = SILENCE_DB
        if self._echo:
            echo_db = self._level.note(level_db(played), level_db(frame), level_db(Frame(cleaned, RATE)))
        return CleanedFrame(cleaned, RATE, echo_db)

    def _packed(self, frame: Frame) -> Any:
        return self._audio_frame(bytearray(frame.pcm), frame.rate, 1, len(frame.pcm) // SAMPLE_BYTES)


class Cleaner:
    """Cleaner of one microphone stream, from its first sample on; accepts frames of any length."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._pcm = bytearray()
        self._step = 0

    def clean(self, frame: Frame, canceller: Canceller | None) -> Iterator[CleanedFrame]:
        """Yield the steps that `frame` completes, if any. Without a canceller all of them could be our own voice."""
        self._pcm += frame.pcm
        while len(self._pcm) >= STEP_BYTES:
            step = Frame(bytes(self._pcm[:STEP_BYTES]), RATE)
            del self._pcm[:STEP_BYTES]
            played = self._timeline.played(self._step)
            self._step += 1
            if canceller is None:
                yield CleanedFrame(step.pcm, RATE, FULL_DB)
            else:
                yield canceller.clean(step, played, self._timeline.delay_seconds)

    def skip(self, seconds: float) -> None:
        """Account for `seconds` of lost microphone audio."""
        self._step += round(seconds / STEP_SECONDS)
