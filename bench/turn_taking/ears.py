"""Transcribers for the person: a listener that has the transcript, or a real Whisper."""

from collections.abc import Callable
from typing import Literal, get_args

from bench.lab import MODELS
from bench.turn_taking.listener import Listener, Manner
from bench.turn_taking.recalled import digest
from bench.turn_taking.utterances import Utterance
from voicemode.audio.frames import Frame
from voicemode.engines.whisper.engine import load_whisper
from voicemode.engines.whisper.transcript import Options
from voicemode.models.models import ensure

Kind = Literal["careless", "plain", "whisper"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Hear = Callable[[Frame], str]
"""Returns the transcript of a recording of 16 kHz."""


def ears(kind: Kind) -> Callable[[Utterance], Hear]:
    """Return a function that makes a transcriber for an utterance. Raises WeightsError."""
    if kind == "whisper":
        whisper = Whisper()
        return lambda _: whisper.hear
    manner: Manner = kind
    return lambda utterance: Listener(utterance.audio, utterance.words, manner).hear


class Whisper:
    """Whisper base on this machine, run only once for the same audio."""

    def __init__(self) -> None:
        self._engine = load_whisper(ensure("whisper-base", MODELS), "base", threads=2)
        self._known: dict[bytes, str] = {}

    def hear(self, audio: Frame) -> str:
        name = digest(audio.pcm)
        if name not in self._known:
            segments = self._engine.transcribe([audio], Options(language="en"))
            self._known[name] = "".join(segment.text for segment in segments).strip()
        return self._known[name]
