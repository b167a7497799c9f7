"""Spoken commands: meant for VoiceMode, not for the agent. Pure."""

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
            **dict.fromkeys(("stop", "stop it", "stop talking", "be quiet", "enough", "that's enough"), "stop"),
            **dict.fromkeys(("mhm", "mm-hmm", "mm", "hmm", "uh-huh", "aha", "ah", "oh"), "nod"),
            **dict.fromkeys(("yeah", "yep", "okay", "ok", "right", "sure", "i see", "got it"), "nod"),
        },
        "de": {
            **dict.fromkeys(("ende", "senden", "absenden"), "send"),
            **dict.fromkeys(("warte", "moment", "lass mich überlegen"), "wait"),
            **dict.fromkeys(("wiederhole", "nochmal", "noch einmal", "wie bitte"), "repeat"),
            **dict.fromkeys(("stopp", "stop", "halt", "hör auf", "genug", "das reicht"), "stop"),
            **dict.fromkeys(("mhm", "mm-hmm", "mm", "hm", "hmm", "aha", "ah", "ach", "ach so", "oh"), "nod"),
            **dict.fromkeys(("okay", "ok", "genau", "gut", "klar", "stimmt", "verstehe", "alles klar"), "nod"),
        },
        "fr": {
            **dict.fromkeys(("terminé", "envoie", "envoyer"), "send"),
            **dict.fromkeys(("attends", "laisse-moi réfléchir", "un moment"), "wait"),
            **dict.fromkeys(("répète", "pardon"), "repeat"),
            **dict.fromkeys(("stop", "arrête", "arrêtez", "ça suffit", "tais-toi"), "stop"),
            **dict.fromkeys(("mhm", "mm-hmm", "mm", "hm", "hmm", "ah", "oh", "ouais"), "nod"),
            **dict.fromkeys(("d'accord", "ok", "okay", "je vois", "bien sûr", "c'est ça"), "nod"),
        },
        "es": {
            **dict.fromkeys(("cambio", "enviar", "envía"), "send"),
            **dict.fromkeys(("espera", "déjame pensar", "un momento"), "wait"),
            **dict.fromkeys(("repite", "otra vez"), "repeat"),
            **dict.fromkeys(("para", "alto", "basta", "cállate", "ya basta"), "stop"),
            **dict.fromkeys(("mhm", "mm-hmm", "mm", "ajá", "aja", "ah", "oh"), "nod"),
            **dict.fromkeys(("vale", "ok", "okay", "ya", "claro", "entiendo", "ya veo", "de acuerdo"), "nod"),
        },
    }
)
"""Commands by ISO 639-1 code, in lower case."""


ALONE: frozenset[Action] = frozenset({"repeat", "stop"})
"""Actions that count only if nothing else is said."""


@dataclass(frozen=True, slots=True)
class Heeded:
    text: str
    """Text meant for the agent."""
    phrase: str = ""
    """Command meant for VoiceMode; empty if there is none."""
    action: Action | None = None


def heed(text: str, phrases: Mapping[str, Action]) -> Heeded:
    """Find the command in `text`: a phrase that stands alone, or at the end as a sentence or clause of its own.

    "Over" ends "Call them. Over." and "Call them, over", but not "The game is over": that is part of a sentence.
    """
    for phrase in sorted(phrases, key=len, reverse=True):
        action = phrases[phrase]
        if action == "nod":
            continue
        lead = r"^\s*" if action in ALONE else r"(?:^|[.!?…,;:—-])\s*"
        found = re.search(rf"{lead}{re.escape(phrase)}[\s.!?…]*$", text.replace("’", "'"), re.IGNORECASE)
        if found:
            return Heeded(_closed(text[: found.start()], text[found.start() : found.start() + 1]), phrase, action)
    return Heeded(text)


def nods(text: str, phrases: Mapping[str, Action]) -> bool:
    """True if all of `text`, spoken while the agent speaks, only shows that somebody listens: "Mhm." or "Yeah, okay"."""
    known = sorted((phrase for phrase, action in phrases.items() if action == "nod"), key=len, reverse=True)
    if not known:
        return False
    any_of_them = "|".join(map(re.escape, known))
    said = text.replace("’", "'").strip()
    return re.fullmatch(rf"(?:(?:{any_of_them})(?:[\s.!?…,;—-]+|$))+", said, re.IGNORECASE) is not None


def listening(phrases: Mapping[str, Action]) -> dict[str, Action]:
    """Return the `phrases` that count while the agent is silent: "stop" and "yeah" are ordinary answers then."""
    return {phrase: action for phrase, action in phrases.items() if action not in ("stop", "nod")}


def chosen(entries: Iterable[str], language: str) -> dict[str, Action]:
    """Return the phrases of `entries`: PHRASE=ACTION, or `language` for the table of `language` (empty means English)."""
    phrases = dict[str, Action]()
    for entry in entries:
        if entry == SPOKEN_LANGUAGE:
            phrases |= PHRASES.get(language or "en", {})
        else:
            phrase, _, action = entry.partition("=")
            phrases[phrase.strip().lower()] = cast("Action", action.strip())
    return phrases


def _closed(text: str, mark: str) -> str:
    """Return `text` with the full stop that was cut off with the phrase; a comma before the phrase is dropped."""
    text = text.strip()
    return text + mark if text and mark in ".!?…" else text
