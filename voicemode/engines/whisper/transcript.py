"""Options and results of a transcription: plain data, nothing to import."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of a transcription."""

    language: str = ""
    """ISO 639-1 code; empty is detected where somebody speaks for the first time."""
    prompt: str = ""
    """Words to expect: names, jargon, style."""
    translate: bool = False
    """Into English, instead of writing down what is said."""
    temperature: float = 0.0
    """0 is the most likely text; more makes it vary."""
    timed: bool = False
    """Segments short enough for subtitles, with the time of each word; costs one more pass over the text."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with its punctuation, and the space before it where there is one. Times are seconds."""

    text: str
    start_seconds: float
    end_seconds: float
    tokens: tuple[int, ...]

    def later(self, seconds: float) -> "TimedWord":
        return replace(self, start_seconds=self.start_seconds + seconds, end_seconds=self.end_seconds + seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of the transcript; without a text, speech that no words were recognised in.

    Times are seconds from the start of the recording.
    """

    start_seconds: float
    end_seconds: float
    text: str
    """With the space before it where there is one."""
    language: str
    """ISO 639-1 code."""
    tokens: tuple[int, ...] = ()
    temperature: float = 0.0
    avg_logprob: float = 0.0
    compression_ratio: float = 0.0
    no_speech_prob: float = 0.0
    words: tuple[TimedWord, ...] = ()
    """Only where `Options.timed` asked for them."""
