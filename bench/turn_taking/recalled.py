"""Cached speech detector and turn model: their answers for the same audio are the same for every preset."""

from dataclasses import dataclass, field
from hashlib import blake2b

from voicemode.audio.frames import Frame
from voicemode.audio.turns.model import TurnModel
from voicemode.audio.vad import Vad, create_vad
from voicemode.conversation.detectors import TurnDetectors

DIGEST_BYTES = 16
AGGRESSIVENESS = 2
"""Default of the setting."""


@dataclass(slots=True)
class Memory:
    """Cached answers of speech detector and turn model."""

    turn_model: TurnModel | None
    speech: dict[bytes, bool] = field(default_factory=dict)
    finished: dict[bytes, float] = field(default_factory=dict)

    def detectors(self) -> TurnDetectors:
        """Return new detectors for a turn."""
        model = self.turn_model and RecalledTurnModel(self.turn_model, self.finished)
        return TurnDetectors(vad=RecalledVad(create_vad("auto", AGGRESSIVENESS), self.speech), turn_model=model)


class RecalledVad:
    """A cached VAD. The answer for a frame depends on all frames before it, and so does the cache key."""

    def __init__(self, vad: Vad, known: dict[bytes, bool]) -> None:
        self.frame_seconds = vad.frame_seconds
        self.probability = 0.0
        self._vad = vad
        self._known = known
        self._heard = b""
        self._untold: list[Frame] = []

    def is_speech(self, frame: Frame) -> bool:
        self._heard = digest(self._heard + frame.pcm)
        self._untold.append(frame)
        if self._heard not in self._known:
            self._known[self._heard] = [self._vad.is_speech(each) for each in self._untold][-1]
            self._untold.clear()
        self.probability = float(self._known[self._heard])
        return self._known[self._heard]


class RecalledTurnModel:
    def __init__(self, model: TurnModel, known: dict[bytes, float]) -> None:
        self._model = model
        self._known = known

    def finished(self, audio: Frame) -> float:
        name = digest(audio.pcm)
        if name not in self._known:
            self._known[name] = self._model.finished(audio)
        return self._known[name]


def digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=DIGEST_BYTES).digest()
