"""Interfaces of a speech provider. Failover is just one more implementation.

Public: whoever writes a provider of another kind (see `voicemode.providers.plugins`) writes against these.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from voicemode.audio.frames import Frame, Frames
from voicemode.progress import Report

Kind = Literal["stt", "tts"]
Listed = tuple[str, ...] | None
"""Names an endpoint publishes; None if it does not say."""
TextFormat = Literal["json", "text", "srt", "vtt", "verbose_json"]


@dataclass(frozen=True, slots=True)
class FilePart:
    """A part of an audio file that has been transcribed. The first one begins a new transcript."""

    text: str
    start_seconds: float
    end_seconds: float
    total_seconds: float
    """Length of the file; 0 if it does not say."""


FileProgress = Callable[[FilePart], None]
"""Takes the parts of a file as they are transcribed, where the endpoint tells."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A way to speak."""

    name: str = ""
    """A voice of the provider; empty is the provider's own choice."""
    speed: float = 1.0
    """1.0 is normal; 0.25 to 4.0."""
    instructions: str = ""
    """Tone and manner, for models that follow such; others ignore it."""
    language: str = ""
    """ISO 639-1 code of the text; empty is the voice's own."""
    model: str = ""
    """A model of the provider; empty is chosen from the settings."""


@dataclass(frozen=True, slots=True)
class Transcript:
    text: str
    language: str = ""
    """ISO 639-1 code, if the provider says which it heard."""
    provider: str = ""
    """Name of the endpoint that answered."""
    final: bool = True
    """False while the person still speaks: more, or something else, may follow."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Models, voices and languages of an endpoint, as far as it has been asked."""

    models: Listed = None
    voices: Listed = None
    languages: Listed = None
    """ISO 639-1 codes."""


class SpeechToText(Protocol):
    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        """Transcribe `audio`; an empty text is an answer, not a failure. Raises ProviderError."""

    def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        """Transcribe `frames` (16 kHz) while they come: any number of partial transcripts, then the final one.

        Whoever cannot do that waits for the end and transcribes the whole: `voicemode.speech.speculative.at_the_end`.
        Raises ProviderError.
        """


class TextToSpeech(Protocol):
    def synthesize(self, text: str, voice: Voice) -> Frames:
        """`text`, spoken; frames come as they are made. Raises ProviderError, also after frames were yielded."""


class Serving(Protocol):
    """State of an endpoint, and ways to get it ready."""

    @property
    def offer(self) -> Offer:
        """The offer as far as it was asked; asks nothing."""

    @property
    def format(self) -> str:
        """Format of the audio exchanged with the endpoint: `pcm`, `flac`."""

    async def learn(self) -> None:
        """Ask for the offer where it is not known yet; takes 1 s at most and never fails."""

    async def check(self) -> str:
        """Describe the offer. Raises ProviderError if the endpoint does not answer as it should."""

    async def warm_up(self, report: Report) -> None:
        """Get ready for the first turn, and report what is done meanwhile. Raises VoiceModeError if that cannot be."""


class Transcriber(SpeechToText, Serving, Protocol):
    """An endpoint that understands speech."""

    @property
    def streams(self) -> bool:
        """True if `transcripts` has work done before the person has finished."""

    async def transcribe_file(
        self, path: Path, *, language: str = "", response_format: TextFormat = "text", progress: FileProgress | None = None
    ) -> str:
        """The text of an audio file of any common format. Raises ProviderError."""


class Synthesizer(TextToSpeech, Serving, Protocol):
    """An endpoint that speaks."""
