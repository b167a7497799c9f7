"""Model names in requests, and the models they stand for. Pure, except `installed`."""

import re
from pathlib import Path

from voicemode.engines.server.about import unknown_model
from voicemode.errors import Remedy
from voicemode.http_server.errors import ApiError
from voicemode.models.manifests import MODELS, WHISPER
from voicemode.models.models import status

NAMES = tuple(model.short_name for name, model in MODELS.items() if name.startswith(WHISPER))
"""Short names of all models, installed or not."""
ANY = "whisper-1"
"""OpenAI's model name; here it stands for the default model."""
_OPENAI = re.compile(r"whisper-\d+|gpt-[\w.-]+-transcribe[\w-]*")
"""Present and future OpenAI models: clients configured for them get the default model."""


def model_for(asked: str, default: str) -> str:
    """Return the short name for `asked`: small, whisper-small, Systran/faster-whisper-small. Raises ApiError."""
    name = asked.rpartition("/")[2].removeprefix("faster-").removeprefix(WHISPER)
    if name in NAMES:
        return name
    if not asked or _OPENAI.fullmatch(asked):
        return default
    raise unknown_model(asked, (ANY, *NAMES))


def english_only(name: str) -> bool:
    return MODELS[WHISPER + name].english_only


def installed(folder: Path) -> list[str]:
    """Return the short names of the models with all weights in `folder`. Blocks."""
    return [name for name in NAMES if status(WHISPER + name, folder).present]


def not_installed(name: str) -> ApiError:
    return ApiError(
        404,
        f"The model {name} is not installed.",
        param="model",
        code="model_not_found",
        hint=Remedy("Download it", f"voicemode models download {name}"),
    )
