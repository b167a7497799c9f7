"""Detectors of speech and of the end of a turn."""

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
    """None without a turn model: then the words or plain silence decide."""


def hears_melody(settings: Settings) -> bool:
    """True if a turn model is enabled and its runtime is installed."""
    return settings.turn_model == "auto" and all(find_spec(module) for module in ("onnxruntime", "numpy"))


class Detectors:
    """Makes detectors for each turn, with the turn model once it is loaded."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn_model: TurnModel | None = None

    def detectors(self) -> TurnDetectors:
        """Return new detectors for one turn. Raises ConfigError."""
        vad = create_vad(self._settings.vad, self._settings.vad_aggressiveness)
        return TurnDetectors(vad=vad, turn_model=self._turn_model)

    async def load(self, _report: Report) -> None:
        """Load the turn model if it is enabled and on this machine; never downloads. Raises WeightsError."""
        if self._turn_model is None and hears_melody(self._settings):
            self._turn_model = await asyncio.to_thread(self._loaded)

    async def fetch(self, report: Report) -> None:
        """Download the turn model where downloads are allowed, then load it. Raises WeightsError."""
        policy = sources_from(self._settings)
        if hears_melody(self._settings) and not policy.offline:
            await fetch(SMART_TURN, self._settings.models_path, policy, report)
        await self.load(report)

    def _loaded(self) -> TurnModel | None:
        here = status(SMART_TURN.name, self._settings.models_path)
        return load_smart_turn(here.folder) if here.present else None
