"""Interfaces of a speech provider. Failover is just one more implementation.

Public: provider plugins (see `voicemode.providers.plugins`) are written against these.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from voicemode.audio.frames import Frame, Frames
from voicemode.progress import Report

Kind = Literal["stt", "tts"]
Listed = tuple[str, ...] | None
"""Names that an endpoint lists; None if it lists none."""
TextFormat = Literal["json", "text", "srt", "vtt", "verbose_json"]


@dataclass(frozen=True, slots=True)
class FilePart:
    """A transcribed part of an audio file. The first part begins a new transcript."""

    text: str
    start_seconds: float
    end_seconds: float
    total_seconds: float
    """Length of the file; 0 if unknown."""


FileProgress = Callable[[FilePart], None]
"""Receives the parts of a file as they are transcribed, if the endpoint reports them."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Voice, speed and manner of speech."""

    name: str = ""
    """A voice of the provider; empty is chosen from the settings or by the provider."""
    speed: float = 1.0
    """1.0 is normal; 0.25 to 4.0."""
    instructions: str = ""
    """Tone and manner, for models that follow instructions; others ignore them."""
    language: str = ""
    """ISO 639-1 code of the text; empty is the voice's own."""
    model: str = ""
    """A model of the provider; empty is chosen from the settings."""


@dataclass(frozen=True, slots=True)
class Transcript:
    text: str
    language: str = ""
    """ISO 639-1 code, if the provider reports the language."""
    provider: str = ""
    """Name of the endpoint that answered."""
    final: bool = True
    """False while the person still speaks: the text can grow or change."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Models, voices and languages of an endpoint, as far as they are known."""

    models: Listed = None
    voices: Listed = None
    languages: Listed = None
    """ISO 639-1 codes."""


class SpeechToText(Protocol):
    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        """Transcribe `audio`; an empty text is a result, not a failure. Raises ProviderError."""

    def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        """Transcribe `frames` (16 kHz) as they come: any number of partial transcripts, then the final one.

        A provider that cannot stream transcribes the whole at the end: `voicemode.speech.speculative.at_the_end`.
        Raises ProviderError.
        """


class TextToSpeech(Protocol):
    def synthesize(self, text: str, voice: Voice) -> Frames:
        """Speak `text`; yield frames as they are made. Raises ProviderError, also after frames were yielded."""


class Serving(Protocol):
    """State of an endpoint, and ways to get it ready."""

    @property
    def offer(self) -> Offer:
        """Offer as known so far; sends no request."""

    @property
    def format(self) -> str:
        """Format of the audio exchanged with the endpoint: `pcm`, `flac`."""

    async def learn(self) -> None:
        """Request the offer if it is unknown; takes 1 s at most and never fails."""

    async def check(self) -> str:
        """Describe the offer. Raises ProviderError if the endpoint does not respond as it should."""

    async def warm_up(self, report: Report) -> None:
        """Get ready for the first turn, and report progress. Raises VoiceModeError on failure."""


class Transcriber(SpeechToText, Serving, Protocol):
    """An endpoint that transcribes speech."""

    @property
    def streams(self) -> bool:
        """True if `transcripts` transcribes while the person still speaks."""

    async def transcribe_file(
        self, path: Path, *, language: str = "", response_format: TextFormat = "text", progress: FileProgress | None = None
    ) -> str:
        """Return the text of an audio file of any common format. Raises ProviderError."""


class Synthesizer(TextToSpeech, Serving, Protocol):
    """An endpoint that synthesizes speech."""
