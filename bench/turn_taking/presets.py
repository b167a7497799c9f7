"""The presets to measure, and plain silence for comparison."""

from collections.abc import Mapping
from types import MappingProxyType

from bench.turn_taking.live import Program
from voicemode.audio.turns.endpointer import Pace, Rules

NORMAL = "normal"
PACES: Mapping[str, Pace] = MappingProxyType({"quick": "quick", NORMAL: "normal", "patient": "patient"})
BASELINES: Mapping[str, float] = MappingProxyType({"300ms": 0.3, "500ms": 0.5, "700ms": 0.7, "1000ms": 1.0})
"""Seconds of silence that end a turn, whatever the person said."""


def rules(name: str) -> Rules:
    """Return the rules for the end of a turn, by preset or baseline."""
    if name in BASELINES:
        return Rules(silence_seconds=BASELINES[name])
    return Rules(pace=PACES[name])


def program(name: str) -> Program:
    """Return VoiceMode with the preset or baseline `name`."""
    if name in BASELINES:
        return Program(name=name, environ={"VOICEMODE_SILENCE_THRESHOLD_MS": f"{BASELINES[name] * 1000:.0f}"})
    return Program(name=name, environ={"VOICEMODE_PACE": name})
