"""Words that steer: said to the machine, not to the agent. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from voicemode.config.values import SPOKEN_LANGUAGE, Action

PHRASES: Mapping[str, Mapping[str, Action]] = MappingProxyType(
    {
        "en": {
            **dict.fromkeys(("over", "send", "send it", "i'm done"), "send"),
            **dict.fromkeys(("wait", "let me think", "hold on", "one moment", "just a moment"), "wait"),
            **dict.fromkeys(("repeat", "repeat that", "say that again", "pardon"), "repeat"),
        },
        "de": {
            **dict.fromkeys(("ende", "senden", "absenden"), "send"),
            **dict.fromkeys(("warte", "moment", "lass mich überlegen"), "wait"),
            **dict.fromkeys(("wiederhole", "nochmal", "noch einmal", "wie bitte"), "repeat"),
        },
        "fr": {
            **dict.fromkeys(("terminé", "envoie", "envoyer"), "send"),
            **dict.fromkeys(("attends", "laisse-moi réfléchir", "un moment"), "wait"),
            **dict.fromkeys(("répète", "pardon"), "repeat"),
        },
        "es": {
            **dict.fromkeys(("cambio", "enviar", "envía"), "send"),
            **dict.fromkeys(("espera", "déjame pensar", "un momento"), "wait"),
            **dict.fromkeys(("repite", "otra vez"), "repeat"),
        },
    }
)
"""By ISO 639-1 code, in small letters."""


@dataclass(frozen=True, slots=True)
class Heeded:
    text: str
    """What was said to the agent."""
    phrase: str = ""
    """What was said to us; empty if that is nothing."""
    action: Action | None = None


def heed(text: str, phrases: Mapping[str, Action]) -> Heeded:
    """What in `text` is meant for us: a phrase that stands alone, or at the end as a sentence or clause of its own.

    "Over" ends "Call them. Over." and "Call them, over", but not "The game is over": that is part of a sentence.
    """
    for phrase in sorted(phrases, key=len, reverse=True):
        action = phrases[phrase]
        lead = r"^\s*" if action == "repeat" else r"(?:^|[.!?…,;:—-])\s*"
        found = re.search(rf"{lead}{re.escape(phrase)}[\s.!?…]*$", text.replace("’", "'"), re.IGNORECASE)
        if found:
            return Heeded(_closed(text[: found.start()], text[found.start() : found.start() + 1]), phrase, action)
    return Heeded(text)


def chosen(entries: Iterable[str], language: str) -> dict[str, Action]:
    """The phrases that `entries` mean: PHRASE=ACTION, or `language` for those of `language` (empty is English)."""
    phrases = dict[str, Action]()
    for entry in entries:
        if entry == SPOKEN_LANGUAGE:
            phrases |= PHRASES.get(language or "en", {})
        else:
            phrase, _, action = entry.partition("=")
            phrases[phrase.strip().lower()] = cast("Action", action.strip())
    return phrases


def _closed(text: str, mark: str) -> str:
    """`text` with the full stop that was cut off with the phrase; a comma before the phrase goes with it."""
    text = text.strip()
    return text + mark if text and mark in ".!?…" else text
