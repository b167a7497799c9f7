"""`voicemode doctor --turns`: a live picture of how turns are heard; lines of text if stdout is no terminal."""

import itertools
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

import click

from voicemode.app import App
from voicemode.audio.turns.endpointer import LIKELY, Evidence, TurnState
from voicemode.config.child_environment import colours_wanted
from voicemode.conversation.status import DEAD_MICROPHONE
from voicemode.conversation.turn_monitor import Outcome, TurnMonitor
from voicemode.conversation.utterance import TurnSnapshot
from voicemode.transports.base import one

BAR = 24
EVERY = 4
"""Glimpses per redraw; a glimpse covers 20 ms."""
QUIETEST_DB = -70.0
"""Level in dB at the empty end of the level meter; the other end is full scale."""
COLOURS = {TurnState.WAITING: "", TurnState.SPEAKING: "green", TurnState.PAUSED: "yellow"}
HEAD = "Speak, as you would in a conversation: nothing is kept. Ctrl-C ends this."


async def watch(app: App, turns: int) -> None:
    """Show how the next `turns` turns are heard; 0 means until Ctrl-C."""
    await app.ready(speaking=False, listening=True)
    # A turn works without the turn model; a complete picture does not.
    await app.readiness.wait(app.report, "turn model")
    options = app.options()
    ears = app.providers.turn(speculate=app.settings.speculate)
    monitor = TurnMonitor(app.hearing.detectors, options.rules, ears, options.expected)
    with picture(sys.stdout) as shown:
        async with one(app.transport()) as mic:
            spoken = 0
            while not turns or spoken < turns:
                outcome = await monitor.turn(mic, shown.look)
                if not outcome.last.turn.done:
                    # The microphone is gone.
                    return
                spoken += outcome.seconds > 0
                shown.ended(spoken, outcome)


class Shown(Protocol):
    """A display of the turns as they are heard."""

    def look(self, glimpse: TurnSnapshot) -> None:
        """Show one snapshot."""

    def ended(self, number: int, outcome: Outcome) -> None:
        """Show how a turn ended; `number` counts the turns in which somebody spoke."""


class Picture:
    """Meters that are redrawn in place, below a line for each turn that has ended."""

    def __init__(self, out: TextIO, columns: int, *, colours: bool) -> None:
        self._out = out
        self._columns = columns
        self._colours = colours
        self._lines = 0
        self._turn = TurnState.WAITING
        self._glimpses = itertools.count()

    def look(self, glimpse: TurnSnapshot) -> None:
        if next(self._glimpses) % EVERY == 0 or glimpse.turn is not self._turn:
            self._turn = glimpse.turn
            # Some terminals wrap after a line that fills their full width.
            lines = [line[: self._columns - 1] for line in meters(glimpse)]
            self._draw(lines, COLOURS.get(glimpse.turn, ""))
            self._lines = len(lines)

    def ended(self, number: int, outcome: Outcome) -> None:
        self._draw([told(number, outcome)], "")
        self._lines = 0

    def _draw(self, lines: list[str], colour: str) -> None:
        """Draw `lines` over those drawn last."""
        styled = [click.style(line, fg=colour) if colour and self._colours else line for line in lines]
        up = f"\x1b[{self._lines}A" if self._lines else ""
        self._out.write(f"{up}\r\x1b[J" + "".join(f"{line}\n" for line in styled))
        self._out.flush()


class Lines:
    """A line of text for each change, for files and pipes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last = ""

    def look(self, glimpse: TurnSnapshot) -> None:
        if (line := change(glimpse)) != self._last:
            self._last = line
            self._write(line)

    def ended(self, number: int, outcome: Outcome) -> None:
        self._write(told(number, outcome))

    def _write(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


@contextmanager
def picture(out: TextIO) -> Iterator[Shown]:
    """Yield meters for a terminal, whose cursor is hidden meanwhile, else lines."""
    out.write(f"{HEAD}\n")
    if not out.isatty():
        yield Lines(out)
        return
    out.write("\x1b[?25l")
    try:
        yield Picture(out, shutil.get_terminal_size().columns, colours=colours_wanted())
    finally:
        out.write("\x1b[?25h")
        out.flush()


def meters(glimpse: TurnSnapshot) -> list[str]:
    """Return four lines: level, probability of speech, probability that the turn is finished, and the state."""
    finished = glimpse.evidence.finished
    return [
        f"level     {bar(percent(1 - glimpse.level_db / QUIETEST_DB))} {glimpse.level_db:4.0f} dB",
        f"speech    {bar(percent(glimpse.speech))} {glimpse.speech:4.2f}",
        f"finished  {bar(percent(finished or 0.0))} {'   –' if finished is None else f'{finished:4.2f}'}",
        caption(glimpse) + (f'   "{glimpse.text}"' if glimpse.text else ""),
    ]


def caption(glimpse: TurnSnapshot) -> str:
    """Return the state, with progress and verdict of a pause: `paused    0.4 of 1.2 s: sounds unfinished`."""
    if glimpse.turn is not TurnState.PAUSED:
        return str(glimpse.turn.value)
    waited, wait = glimpse.pause_seconds, glimpse.wait_seconds
    return f"{glimpse.turn.value:10}{waited:.1f} of {wait:.1f} s: {judged(glimpse.evidence)}"


def change(glimpse: TurnSnapshot) -> str:
    """Describe the snapshot without the values that change all the time."""
    if glimpse.turn is not TurnState.PAUSED:
        return str(glimpse.turn.value)
    return f"paused: {judged(glimpse.evidence)}; it ends after {glimpse.wait_seconds:.1f} s"


def judged(evidence: Evidence) -> str:
    """Describe the verdict on a pause."""
    if evidence.thinking:
        return "asked for time"
    signs = {"sounds": evidence.sounds, "reads": evidence.reads}
    known = [f"{sense} {'finished' if sign >= LIKELY else 'unfinished'}" for sense, sign in signs.items() if sign is not None]
    awaited = [work for work, goes_on in (("listening to it", evidence.hearing), ("reading it", evidence.reading)) if goes_on]
    return ", ".join([*known, *awaited]) or "plain silence"


def told(number: int, outcome: Outcome) -> str:
    """Return a line about a turn that has ended."""
    if not outcome.seconds:
        return DEAD_MICROPHONE if outcome.dead else "nobody spoke"
    last = outcome.last
    waited = (
        f" after {last.pause_seconds:.1f} s ({judged(last.evidence)})"
        if last.turn in (TurnState.FINISHED, TurnState.SILENCE)
        else ""
    )
    text = f': "{outcome.text}"' if outcome.text else ""
    return f"turn {number}, {outcome.seconds:.1f} s, ended: {outcome.ended}{waited}{text}"


def bar(percent: int) -> str:
    """Return a bar like `[######                  ]`."""
    return f"[{'#' * (BAR * percent // 100):{BAR}}]"


def percent(share: float) -> int:
    return round(100 * min(1.0, max(0.0, share)))
