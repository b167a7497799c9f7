"""Subtitle files (SubRip and WebVTT) from timed text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from voicemode.engines.whisper.words import CUE_SECONDS, LEAST_CUE_SECONDS, lines_of


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle cue. Times are seconds from the start."""

    start_seconds: float
    end_seconds: float
    text: str


def srt(cues: Iterable[Cue]) -> str:
    """Return a SubRip file."""
    blocks = [
        f"{number}\n{clock(cue.start_seconds, ',')} --> {clock(cue.end_seconds, ',')}\n{cue.text}\n"
        for number, cue in enumerate(readable(cues), 1)
    ]
    return "\n".join(blocks)


def vtt(cues: Iterable[Cue]) -> str:
    """Return a WebVTT file."""
    blocks = [
        f"{clock(cue.start_seconds, '.')} --> {clock(cue.end_seconds, '.')}\n{escaped(cue.text)}\n" for cue in readable(cues)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def readable(cues: Iterable[Cue]) -> Iterator[Cue]:
    """Yield `cues` wrapped into lines, each shown for one second (or until the next begins) to seven seconds."""
    shown = list(cues)
    for cue, following in zip_longest(shown, shown[1:]):
        least = cue.start_seconds + LEAST_CUE_SECONDS
        if following:
            least = min(least, following.start_seconds)
        end = min(max(cue.end_seconds, least), cue.start_seconds + CUE_SECONDS)
        yield Cue(cue.start_seconds, end, "\n".join(lines_of(one_line(cue.text))))


def clock(seconds: float, point: str) -> str:
    """Return a timestamp like `01:02:03,450`, with `point` before the milliseconds."""
    milliseconds = round(max(0.0, seconds) * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02}:{minutes:02}:{whole:02}{point}{milliseconds:03}"


def one_line(text: str) -> str:
    """Return `text` without line breaks, two of which would end a cue, and without the arrow of a cue's timing line."""
    return " ".join(text.replace("-->", "->").split())


def escaped(text: str) -> str:
    """Return `text` with WebVTT's markup characters escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
