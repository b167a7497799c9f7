"""The names clients give the models they want, and the models here. Pure, but for what is installed."""

import re
from pathlib import Path

from voicemode.engines.server.about import unknown_model
from voicemode.errors import Remedy
from voicemode.http_server.errors import ApiError
from voicemode.models.manifests import MODELS, WHISPER
from voicemode.models.models import status

NAMES = tuple(model.short_name for name, model in MODELS.items() if name.startswith(WHISPER))
"""Every model there is, installed or not."""
ANY = "whisper-1"
"""OpenAI's name; here it is the default model."""
_OPENAI = re.compile(r"whisper-\d+|gpt-[\w.-]+-transcribe[\w-]*")
"""Models at OpenAI, now and soon: who has one in their settings wants a transcript, not that one."""


def model_for(asked: str, default: str) -> str:
    """The short name of the model that `asked` means: small, whisper-small, Systran/faster-whisper-small. Raises ApiError."""
    name = asked.rpartition("/")[2].removeprefix("faster-").removeprefix(WHISPER)
    if name in NAMES:
        return name
    if not asked or _OPENAI.fullmatch(asked):
        return default
    raise unknown_model(asked, (ANY, *NAMES))


def english_only(name: str) -> bool:
    return MODELS[WHISPER + name].english_only


def installed(folder: Path) -> list[str]:
    """Short names of the models whose weights are all in `folder`. Blocks."""
    return [name for name in NAMES if status(WHISPER + name, folder).present]


def not_installed(name: str) -> ApiError:
    return ApiError(
        404,
        f"The model {name} is not installed.",
        param="model",
        code="model_not_found",
        hint=Remedy("Download it", f"voicemode models download {name}"),
    )
