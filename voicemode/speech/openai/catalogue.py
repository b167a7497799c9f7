"""Choice of the voice and model to request from an endpoint: preferences matched with its lists."""

import re
from collections.abc import Sequence

from voicemode.speech.base import Listed, Voice

OPENAI_VOICES = (
    *("alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer"),
    *("ballad", "cedar", "marin", "verse"),
)
_CLASSIC_VOICES = frozenset(OPENAI_VOICES[:9])
_CLASSIC_MODELS = ("tts-1", "tts-1-hd")
_MIX_PART = re.compile(r"(.+?)(?:\(\d+(?:\.\d+)?\))?")
_KOKORO_VOICE = re.compile(r"([abefhijpz])[fm]_\w+")
"""Kokoro's voices are named by language and sex: "af_sky" is an American woman."""
_KOKORO_LANGUAGES = {"a": "en", "b": "en", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt", "z": "zh"}


def names(answer: object) -> Listed:
    """Return the names in a response to GET /models or /audio/voices, of which there are several dialects."""
    if isinstance(answer, dict):
        answer = answer.get("voices", answer.get("data"))
    if isinstance(answer, dict):
        answer = list(answer)
    if not isinstance(answer, list):
        return None
    return tuple(name for item in answer if (name := _name(item))) or None


def _name(item: object) -> str:
    if isinstance(item, dict):
        item = next((item[key] for key in ("id", "voice_id", "name", "voice") if item.get(key)), "")
    return item if isinstance(item, str) else ""


def choose_voice(voice: Voice, preferred: Sequence[str], listed: Listed) -> str:
    """Return the requested voice if it is listed, else the first preferred one that is, else the first of the list.

    If the list has voices of the requested language, it is one of these, unless a listed voice was requested by name. Empty
    if there is neither a preference nor a list.
    """
    wishes = [name for name in (voice.name, *preferred) if name]
    if not listed:
        return wishes[0] if wishes else ""
    if has_voice(voice.name, listed):
        return voice.name
    fitting = [name for name in listed if voice.language and _language(name) == voice.language] or listed
    return next((name for name in wishes if has_voice(name, fitting)), fitting[0])


def languages_of_voices(listed: Listed) -> Listed:
    """Return the languages of voices, as ISO 639-1 codes, if all of their names tell."""
    return _all_known([_language(name) for name in listed or ()])


def languages_of_models(listed: Listed) -> Listed:
    """Return the languages of speech-to-text models, as ISO 639-1 codes, if all of their names tell."""
    return _all_known(["en" if name.endswith(".en") else "" for name in listed or ()])


def _language(voice: str) -> str:
    match = _KOKORO_VOICE.fullmatch(voice)
    return _KOKORO_LANGUAGES[match[1]] if match else ""


def _all_known(languages: Sequence[str]) -> Listed:
    return tuple(sorted(set(languages))) if languages and all(languages) else None


def has_voice(name: str, listed: Sequence[str]) -> bool:
    """True if `name`, or every voice of a mix like "af_sky(2)+af_bella", is listed."""
    if name in listed:
        return True
    parts = [_MIX_PART.fullmatch(part.strip()) for part in name.split("+")]
    return all(part is not None and part[1] in listed for part in parts)


def choose_tts_model(preferred: Sequence[str], listed: Listed, voice: Voice) -> str:
    """Return the requested model if available, else the first preferred one that supports `voice`, else any."""
    if voice.model and (listed is None or voice.model in listed):
        return voice.model
    there = [name for name in preferred if listed is None or name in listed]
    if not there:
        return _likeliest(listed, ("tts", "kokoro", "speech")) or next(iter(preferred), "tts-1")
    return next((name for name in there if _can(name, voice)), there[0])


def _can(model: str, voice: Voice) -> bool:
    if model not in _CLASSIC_MODELS:
        return True
    return not voice.instructions and (voice.name not in OPENAI_VOICES or voice.name in _CLASSIC_VOICES)


def follows_instructions(model: str) -> bool:
    """True unless `model` is one of OpenAI's first, which ignore instructions; elsewhere an extra field does no harm."""
    return model not in _CLASSIC_MODELS


def choose_stt_model(asked: str, listed: Listed) -> str:
    """Return the requested model if it is listed or there is no list, else the likeliest one listed."""
    if listed is None or asked in listed:
        return asked
    return _likeliest(listed, ("whisper", "transcribe", "stt"))


def _likeliest(listed: Listed, words: Sequence[str]) -> str:
    """Return the first name that contains one of `words`, else the first of all."""
    if not listed:
        return ""
    return next((name for name in listed if any(word in name.lower() for word in words)), listed[0])
