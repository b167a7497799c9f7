"""Detectors that a person's turns are heard with."""

import asyncio
from dataclasses import dataclass
from importlib.util import find_spec

from voicemode.audio.turns.model import TurnModel, load_smart_turn
from voicemode.audio.vad import Vad, create_vad
from voicemode.config import Settings
from voicemode.models.manifests import SMART_TURN
from voicemode.models.models import fetch, sources_from, status
from voicemode.progress import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDetectors:
    """Detectors of one turn."""

    vad: Vad
    turn_model: TurnModel | None = None
    """None where there is none: then the words, or plain silence, have to do."""


def hears_melody(settings: Settings) -> bool:
    """True if a turn model is wanted, and what runs it is installed."""
    return settings.turn_model == "auto" and all(find_spec(module) for module in ("onnxruntime", "numpy"))


class Detectors:
    """Makes senses for each turn, with the turn model once it is loaded."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn_model: TurnModel | None = None

    def detectors(self) -> TurnDetectors:
        """Fresh ones, for one turn. Raises ConfigError."""
        vad = create_vad(self._settings.vad, self._settings.vad_aggressiveness)
        return TurnDetectors(vad=vad, turn_model=self._turn_model)

    async def load(self, _report: Report) -> None:
        """Load the turn model, if it is wanted and on this machine; nothing is downloaded. Raises WeightsError."""
        if self._turn_model is None and hears_melody(self._settings):
            self._turn_model = await asyncio.to_thread(self._loaded)

    async def fetch(self, report: Report) -> None:
        """Download the turn model first, where that is allowed. Raises WeightsError."""
        policy = sources_from(self._settings)
        if hears_melody(self._settings) and not policy.offline:
            await fetch(SMART_TURN, self._settings.models_path, policy, report)
        await self.load(report)

    def _loaded(self) -> TurnModel | None:
        here = status(SMART_TURN.name, self._settings.models_path)
        return load_smart_turn(here.folder) if here.present else None
