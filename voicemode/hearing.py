"""What a person's turns are heard with."""

import asyncio
import logging
from importlib.util import find_spec

from voicemode.audio.record import Senses
from voicemode.audio.turn_model import TurnModel, load_smart_turn
from voicemode.audio.vad import create_vad
from voicemode.config import Settings
from voicemode.readiness import Tell
from voicemode.services._models import status

log = logging.getLogger(__name__)


class Hearing:
    """Makes senses for each turn, with the turn model once it is loaded."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn_model: TurnModel | None = None

    def senses(self) -> Senses:
        """Fresh ones, for one turn. Raises ConfigError."""
        vad = create_vad(self._settings.vad, self._settings.vad_aggressiveness)
        return Senses(vad=vad, turn_model=self._turn_model)

    async def load(self, _tell: Tell) -> None:
        """Load the turn model, if it is wanted and on this machine; nothing is downloaded. Raises WeightsError."""
        wanted = self._settings.turn_model == "auto" and find_spec("onnxruntime") and find_spec("numpy")
        if wanted and self._turn_model is None:
            self._turn_model = await asyncio.to_thread(self._loaded)

    def _loaded(self) -> TurnModel | None:
        here = status("smart-turn", self._settings.models_path)
        if not here.present:
            log.info("No turn model is installed: voicemode models download smart-turn")
            return None
        return load_smart_turn(here.folder)
