"""Speech requests: the JSON of OpenAI's speech API, checked field by field."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from voicemode.audio.codec import CONTENT_TYPES
from voicemode.engines.kokoro.voices import Mix, UnknownVoiceError, parse_voice
from voicemode.engines.server.about import unknown_model
from voicemode.http_server.body import json_object
from voicemode.http_server.errors import ApiError

MODELS = ("kokoro", "tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""Names that all stand for Kokoro, for clients that send a fixed one."""
OPENAI = re.compile(r"tts-\d+(-[\w.-]+)?|gpt-[\w.-]+-tts[\w-]*")
"""Present and future OpenAI models: clients configured for them get Kokoro."""
STREAMS = ("audio", "sse")
LONGEST_TEXT = 32_768
"""Most characters in a request: forty minutes of speech. OpenAI accepts 4,096."""
SLOWEST, FASTEST = 0.25, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRequest:
    """One valid request."""

    text: str
    voice: Mix
    format: str
    """A key of CONTENT_TYPES."""
    speed: float
    events: bool
    """Server-sent events instead of plain audio."""


async def read_ask(request: Request) -> SpeechRequest:
    """Read and check the request. Raises ApiError, naming the invalid field; unknown fields are ignored."""
    return checked(await json_object(request))


def checked(body: Mapping[str, Any]) -> SpeechRequest:
    model = text(body, "model", MODELS[0])
    if model not in MODELS and not OPENAI.fullmatch(model):
        raise unknown_model(model, MODELS)
    return SpeechRequest(
        text=asked_text(body),
        voice=asked_voice(body),
        format=one_of(tuple(CONTENT_TYPES), body, "response_format", "mp3"),
        speed=asked_speed(body),
        events=one_of(STREAMS, body, "stream_format", "audio") == "sse",
    )


def text(body: Mapping[str, Any], name: str, default: str) -> str:
    """Return a text field; `default` if it is missing or null. Raises ApiError."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise ApiError(400, f"{name} must be a string.", param=name)
    return value


def one_of(choices: Sequence[str], body: Mapping[str, Any], name: str, default: str) -> str:
    value = text(body, name, default)
    if value not in choices:
        raise ApiError(400, f"The {name} {value!r} is not known; there is {', '.join(choices)}.", param=name)
    return value


def asked_text(body: Mapping[str, Any]) -> str:
    value = text(body, "input", "")
    if not value.strip():
        raise ApiError(400, "There is nothing to say: input is missing or empty.", param="input")
    if len(value) > LONGEST_TEXT:
        raise ApiError(400, f"input is too long: {len(value):,} of {LONGEST_TEXT:,} characters.", param="input")
    return value


def asked_voice(body: Mapping[str, Any]) -> Mix:
    """Return the voice, given as a name or, as for OpenAI's custom voices, an object with an `id`. Raises ApiError."""
    asked = body.get("voice")
    name = text(asked, "id", "") if isinstance(asked, dict) else text(body, "voice", "")
    try:
        return parse_voice(name)
    except UnknownVoiceError as error:
        raise ApiError(400, str(error), param="voice", code="voice_not_found") from error


def asked_speed(body: Mapping[str, Any]) -> float:
    asked = body.get("speed", 1.0)
    if isinstance(asked, bool) or not isinstance(asked, (int, float, type(None))):
        raise ApiError(400, "speed must be a number.", param="speed")
    speed = 1.0 if asked is None else asked
    if not SLOWEST <= speed <= FASTEST:
        raise ApiError(400, f"speed is a number from {SLOWEST} to {FASTEST}, not {speed}.", param="speed")
    return float(speed)
