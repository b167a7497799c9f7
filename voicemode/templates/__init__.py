"""Texts that VoiceMode writes or shows: units of services, the agent's guide."""

from importlib.resources import files


def template(name: str) -> str:
    """The text of the file at `name` in this folder."""
    return (files(__name__) / name).read_text(encoding="utf-8")
