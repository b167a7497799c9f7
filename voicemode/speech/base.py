"""What a speech provider can do. Failover is just one more implementation."""

from dataclasses import dataclass
from typing import Protocol

from voicemode.audio.frames import Frame, Frames


@dataclass(frozen=True, slots=True)
class Voice:
    """How to speak."""

    name: str = ""
    """A voice of the provider; empty is the provider's own choice."""
    speed: float = 1.0
    """1.0 is normal; 0.25 to 4.0."""
    instructions: str = ""
    """Tone and manner, for models that follow such; others ignore it."""
    language: str = ""
    """ISO 639-1 code of the text; empty is the voice's own."""


@dataclass(frozen=True, slots=True)
class Transcript:
    text: str
    language: str = ""
    """ISO 639-1 code, if the provider says which it heard."""
    provider: str = ""
    """Name of the endpoint that answered."""


class SpeechToText(Protocol):
    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        """What was said in `audio`; an empty text is an answer, not a failure. Raises ProviderError."""


class TextToSpeech(Protocol):
    def synthesize(self, text: str, voice: Voice) -> Frames:
        """`text`, spoken; frames come as they are made. Raises ProviderError."""
