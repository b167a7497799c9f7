"""Cost of listening: processor time of speech detector and turn model, relative to the audio's length."""

import time
from dataclasses import dataclass

from bench.turn_taking.recalled import AGGRESSIVENESS
from voicemode.audio.frames import Frame
from voicemode.audio.turns.model import TurnModel
from voicemode.audio.vad import Vad, create_vad
from voicemode.conversation.detectors import TurnDetectors


@dataclass(slots=True)
class Bill:
    """Cost of any number of turns, which run one at a time with nothing else in this process."""

    turn_model: TurnModel | None
    busy_seconds: float = 0.0
    heard_seconds: float = 0.0

    @property
    def percent(self) -> float:
        """Load in percent of one core."""
        return 100 * self.busy_seconds / self.heard_seconds

    def detectors(self) -> TurnDetectors:
        """Return new detectors for a turn, whose cost is added to the bill."""
        model = self.turn_model and ClockedTurnModel(self.turn_model, self)
        return TurnDetectors(vad=ClockedVad(create_vad("auto", AGGRESSIVENESS), self), turn_model=model)


class ClockedVad:
    def __init__(self, vad: Vad, bill: Bill) -> None:
        self.frame_seconds = vad.frame_seconds
        self._vad = vad
        self._bill = bill

    @property
    def probability(self) -> float:
        return self._vad.probability

    def is_speech(self, frame: Frame) -> bool:
        begun = time.process_time()
        answer = self._vad.is_speech(frame)
        self._bill.busy_seconds += time.process_time() - begun
        self._bill.heard_seconds += frame.seconds
        return answer


class ClockedTurnModel:
    def __init__(self, model: TurnModel, bill: Bill) -> None:
        self._model = model
        self._bill = bill

    def finished(self, audio: Frame) -> float:
        begun = time.process_time()
        answer = self._model.finished(audio)
        self._bill.busy_seconds += time.process_time() - begun
        return answer
