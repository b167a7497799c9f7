"""Whisper's responses: a transcript in each format of OpenAI's API."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from voicemode.audio.frames import Frame
from voicemode.engines.whisper.languages import LANGUAGES
from voicemode.engines.whisper.request import TranscriptionRequest
from voicemode.engines.whisper.subtitles import Cue, srt, vtt
from voicemode.engines.whisper.transcript import Segment, TimedWord

FRAMES_PER_SECOND = 100
"""Frame rate of Whisper's spectrogram; OpenAI's `seek` counts these frames."""


@dataclass(slots=True)
class Meter:
    """Pass-through iterator that adds up the duration of its frames."""

    frames: Iterable[Frame]
    seconds: float = 0.0

    def __iter__(self) -> Iterator[Frame]:
        for frame in self.frames:
            self.seconds += frame.seconds
            yield frame


@dataclass(frozen=True, slots=True)
class Result:
    heard: list[Segment]
    """The engine's segments, those without a text included."""
    seconds: float
    """Duration of the recording."""

    @property
    def segments(self) -> list[Segment]:
        """The segments with a text: the transcript."""
        return [segment for segment in self.heard if segment.text]

    @property
    def unintelligible(self) -> list[dict[str, float]]:
        """Passages of unrecognised speech, as `start` and `end` in seconds."""
        return [times(segment) for segment in self.heard if not segment.text]


def text_of(segments: Iterable[Segment]) -> str:
    return "".join(segment.text for segment in segments).strip()


def render(ask: TranscriptionRequest, result: Result) -> Response:
    """Return `result` in the format that `ask` requests."""
    match ask.format:
        case "json":
            return JSONResponse(
                {"text": text_of(result.segments), "usage": usage(result), "unintelligible": result.unintelligible}
            )
        case "verbose_json":
            return JSONResponse(verbose(ask, result))
        case "text":
            return PlainTextResponse(text_of(result.segments) + "\n")
        case "srt":
            return PlainTextResponse(srt(cues(result)), media_type="application/x-subrip")
        case "vtt":
            return PlainTextResponse(vtt(cues(result)), media_type="text/vtt")


def cues(result: Result) -> Iterator[Cue]:
    for segment in result.segments:
        yield Cue(segment.start_seconds, segment.end_seconds, segment.text.strip())


def usage(result: Result) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(result.seconds)}


def verbose(ask: TranscriptionRequest, result: Result) -> dict[str, Any]:
    language = result.segments[0].language if result.segments else ask.options.language or "en"
    answer: dict[str, Any] = {
        "task": "translate" if ask.options.translate else "transcribe",
        "language": LANGUAGES[language],
        "duration": round(result.seconds, 2),
        "text": text_of(result.segments),
        "usage": usage(result),
        "unintelligible": result.unintelligible,
    }
    if "segment" in ask.granularities:
        answer["segments"] = [segment_json(number, segment) for number, segment in enumerate(result.segments)]
    if "word" in ask.granularities:
        answer["words"] = [word_json(word) for segment in result.segments for word in segment.words]
    return answer


def segment_json(number: int, segment: Segment) -> dict[str, Any]:
    return {
        "id": number,
        "seek": int(segment.start_seconds * FRAMES_PER_SECOND),
        **times(segment),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    }


def word_json(word: TimedWord) -> dict[str, Any]:
    return {"word": word.text.strip(), **times(word)}


def times(part: Segment | TimedWord) -> dict[str, float]:
    return {"start": round(part.start_seconds, 2), "end": round(part.end_seconds, 2)}
