"""The status of services as text for a person. Pure: width and colours are parameters."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from textwrap import wrap

from voicemode.errors import Remedy
from voicemode.progress import duration_text, size_text
from voicemode.services.status import ServiceStatus

Paint = Callable[[str, str], str]
"""Colours a text in a tone: good, busy, bad, quiet or strong."""

WIDEST = 100
"""Maximum line width in columns, however wide the terminal is."""

TONES = {
    "ready": "good",
    "running": "good",
    "loading": "busy",
    "starting": "busy",
    "broken": "bad",
    "failed": "bad",
}
MARKS = {"good": "●", "busy": "◐", "bad": "●", "quiet": "○"}
NAME_COLUMNS = 8


def plain(text: str, _tone: str) -> str:
    return text


def glance(statuses: Sequence[ServiceStatus], *, width: int = 80, paint: Paint = plain) -> str:
    """Return some lines for each service: its state first, then its resource use."""
    width = min(width, WIDEST)
    return "\n\n".join("\n".join(_card(status, width, paint)) for status in statuses)


def _card(status: ServiceStatus, width: int, paint: Paint) -> Iterable[str]:
    identity, numbers = _identity(status), _numbers(status)
    return chain(
        [_head(status, width, paint)],
        # One line is enough for a service that does not run.
        *(_facts(facts, width) for facts in ([identity, numbers] if status.health else [identity + numbers])),
        _folded(status.problem, width, lambda line: paint(line, "bad")),
        _folded(status.last_error and f"last error: {status.last_error}", width, lambda line: paint(line, "busy")),
        _remedy(status.remedy, width, paint),
        [paint(f"  log {_short(status.log)}", "quiet")] if status.log else [],
    )


def _head(status: ServiceStatus, width: int, paint: Paint) -> str:
    tone = TONES.get(status.word, "quiet")
    right = _runs(status)
    gap = width - 2 - NAME_COLUMNS - 1 - len(status.word) - len(right)
    name = paint(f"{status.name:{NAME_COLUMNS}}", "strong")
    return f"{paint(MARKS[tone], tone)} {name} {paint(status.word, tone)}{' ' * max(2, gap)}{paint(right, 'quiet')}"


def _runs(status: ServiceStatus) -> str:
    if not status.runs:
        return "not installed as a service" if status.state == "absent" else ""
    if status.runs == "on demand":
        return "started on demand by an agent" if status.ours else "starts on demand"
    if status.runs == "by hand":
        return "started by hand" if status.ours else "starts by hand"
    return f"{status.runs}, {'starts by itself' if status.enabled else 'does not start by itself'}"


def _identity(status: ServiceStatus) -> list[str]:
    return [
        f"{status.title} {status.version}".strip(),
        f"model {status.model}" if status.model else "",
        str(status.progress or ""),
    ]


def _numbers(status: ServiceStatus) -> list[str]:
    whose = "ours" if status.ours else "taken" if status.port_owner else "free"
    numbers = [f"port {status.port}, {whose}", f"pid {status.pid}" if status.pid else ""]
    if status.health:
        numbers += [
            f"up {duration_text(status.uptime_seconds)}",
            size_text(status.memory_bytes),
            f"{status.cpu_percent:.0f} % CPU",
        ]
        numbers += [_times(status.requests, "request")] if status.version else []
    return [*numbers, f"restarted {_times(status.restarts, 'time')}" if status.restarts else ""]


def _facts(facts: Iterable[str], width: int) -> list[str]:
    """Join facts into lines, breaking inside a fact only if it is too long for one line."""
    whole = (fact.replace(" ", "\0") if len(fact) < width - 2 else fact for fact in facts if fact)
    lines = wrap(" · ".join(whole), width - 2, break_long_words=False, break_on_hyphens=False)
    return ["  " + re.sub(r"^· | ·$", "", line).replace("\0", " ") for line in lines]


def _folded(text: str, width: int, colour: Callable[[str], str]) -> list[str]:
    return ["  " + colour(line) for line in wrap(text, width - 2, break_long_words=False, break_on_hyphens=False)]


def _remedy(remedy: Remedy, width: int, paint: Paint) -> list[str]:
    return ["  " + line[:2] + paint(line[2:], "strong") for line in remedy.lines(width - 2)]


def _times(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _short(path: str) -> str:
    home = str(Path.home())
    return f"~{path.removeprefix(home)}" if path.startswith(home) else path
