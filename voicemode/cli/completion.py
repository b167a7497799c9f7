"""Shell completion: the values that a parameter can have, computed when Tab is pressed."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def among(words: Callable[[], Iterable[str]]) -> Completer:
    """Return a completer that offers the `words` that begin with the typed text, ignoring case."""
    return lambda _context, _parameter, typed: [word for word in words() if word.lower().startswith(typed.lower())]


def settings() -> Sequence[str]:
    from voicemode.config.groups import GROUPS
    from voicemode.config.settings import env_name, find_setting

    return [env_name(find_setting(name)) for names in GROUPS.values() for name in names]


def services() -> Iterable[str]:
    from voicemode.services import services as known

    return known()


def models() -> Iterable[str]:
    from voicemode.models.manifests import MODELS

    return [model.short_name for model in MODELS.values()]


def voices() -> Iterable[str]:
    from voicemode.engines.kokoro.voices import NAMES

    return NAMES


def for_tool(name: str, parameter: str) -> dict[str, Any]:
    """Return the click arguments that let the shell complete `parameter` of the tool `name`."""
    offered = {("service", "name"): services, ("models", "name"): models}.get((name, parameter)) or BY_NAME.get(parameter)
    return {"shell_complete": among(offered)} if offered else {}


BY_NAME: dict[str, Callable[[], Iterable[str]]] = {"voice": voices, "model": models}
"""Completions by parameter name, for any tool."""
