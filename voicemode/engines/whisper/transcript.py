"""Options and results of a transcription: plain data without dependencies."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of a transcription."""

    language: str = ""
    """ISO 639-1 code; empty to detect the language of the first speech."""
    prompt: str = ""
    """Text with words to expect: names, jargon, style."""
    translate: bool = False
    """Translate into English instead of transcribing."""
    temperature: float = 0.0
    """Sampling temperature: 0 gives the most likely text, higher values vary it."""
    timed: bool = False
    """Segments short enough for subtitles, with the time of each word; costs one more pass over the text."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with its punctuation and leading space, if any. Times are in seconds."""

    text: str
    start_seconds: float
    end_seconds: float
    tokens: tuple[int, ...]

    def later(self, seconds: float) -> "TimedWord":
        return replace(self, start_seconds=self.start_seconds + seconds, end_seconds=self.end_seconds + seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of the transcript; without a text, unrecognised speech.

    Times are in seconds from the start of the recording.
    """

    start_seconds: float
    end_seconds: float
    text: str
    """Text with its leading space, if any."""
    language: str
    """ISO 639-1 code."""
    tokens: tuple[int, ...] = ()
    temperature: float = 0.0
    avg_logprob: float = 0.0
    compression_ratio: float = 0.0
    no_speech_prob: float = 0.0
    words: tuple[TimedWord, ...] = ()
    """Timed words; empty unless `Options.timed` is set."""
