"""Subtitle files, SubRip and WebVTT, from timed text."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle cue. Times are seconds from the start."""

    start_seconds: float
    end_seconds: float
    text: str


def srt(cues: Iterable[Cue]) -> str:
    """A SubRip file."""
    blocks = [
        f"{number}\n{clock(cue.start_seconds, ',')} --> {clock(cue.end_seconds, ',')}\n{one_block(cue.text)}\n"
        for number, cue in enumerate(cues, 1)
    ]
    return "\n".join(blocks)


def vtt(cues: Iterable[Cue]) -> str:
    """A WebVTT file."""
    blocks = [
        f"{clock(cue.start_seconds, '.')} --> {clock(cue.end_seconds, '.')}\n{escaped(one_block(cue.text))}\n" for cue in cues
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def clock(seconds: float, point: str) -> str:
    """`01:02:03,450`, with `point` before the milliseconds."""
    milliseconds = round(max(0.0, seconds) * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02}:{minutes:02}:{whole:02}{point}{milliseconds:03}"


def one_block(text: str) -> str:
    """`text` without the empty lines that would end a cue, nor the arrow that would begin one."""
    lines = [line.strip() for line in text.replace("-->", "->").splitlines()]
    return "\n".join(line for line in lines if line)


def escaped(text: str) -> str:
    """`text` where WebVTT would read markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
