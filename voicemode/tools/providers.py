import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from textwrap import wrap

from voicemode import egress
from voicemode.app import App
from voicemode.errors import ProviderError, unnamed
from voicemode.providers.choice import Row
from voicemode.speech.base import Kind
from voicemode.text.tables import shortened
from voicemode.tools import tool

COLUMNS = 100
FIGURE_COLUMNS = 56
"""Of what stands beside a name."""
TITLES = {"stt": "To hear, asked in order", "tts": "To speak, asked in order"}
SENT = {"stt": "your voice", "tts": "text to speak"}


@dataclass(frozen=True, slots=True)
class ProviderTable:
    rows: list[Row]
    """Speech endpoints; of each kind in the order they would be asked."""
    sent: list[str]
    """For each of them, what is sent where."""
    answers: list[str]
    """For each of them, what it answered just now; empty if none was asked."""
    local_only: bool
    """True if nothing leaves this machine, whoever asks."""
    problems: list[str]
    """Providers that could not be loaded, and why."""

    def __str__(self) -> str:
        return self.render(COLUMNS)

    def render(self, columns: int) -> str:
        """As text of so many columns."""
        columns = min(columns, COLUMNS)
        answers = self.answers or [""] * len(self.rows)
        lines: list[str] = []
        for kind, title in TITLES.items():
            head = shortened(title, columns - FIGURE_COLUMNS + 2)
            lines.append(
                f"{head:{columns - FIGURE_COLUMNS + 2}}  {'health':14}{'p50':>8}{'p95':>8}{'requests':>11}{'errors':>8}"
            )
            told = [card(*row, columns) for row in zip(self.rows, self.sent, answers, strict=True) if row[0].kind == kind]
            lines += [line for one in told or [["  nobody"]] for line in one]
        lines += [line for problem in self.problems for line in folded(f"could not be loaded: {problem}", columns)]
        switch = "on: nothing leaves this machine" if self.local_only else "off"
        return "\n".join([*lines, f"VOICEMODE_LOCAL_ONLY is {switch}."])


@tool
async def providers(app: App, check: bool = False) -> ProviderTable:
    """List the speech services: in which order they are asked and why, their health, and what is sent where.

    Args:
        check: Ask each of them now, too.
    """
    await app.endpoints.lookout.first()
    said = await ask_all(app) if check else {}
    # Only now: who is down is asked after others from now on.
    rows = app.providers.rows()
    answers = [said.get((row.kind, row.name), "") for row in rows] if check else []
    problems = [f"{problem.name}: {problem.reason}" for problem in app.endpoints.plugins.problems()]
    return ProviderTable(rows, [sent(row) for row in rows], answers, egress.active(), problems)


async def ask_all(app: App) -> dict[tuple[Kind, str], str]:
    """Ask each endpoint; return its answers by job and name."""
    rows = app.providers.rows()
    answers = await asyncio.gather(*(answer(row.name, asking) for row, asking in zip(rows, questions(app), strict=True)))
    return {(row.kind, row.name): said for row, said in zip(rows, answers, strict=True)}


def questions(app: App) -> list[Awaitable[str]]:
    """Checks of each endpoint, not begun yet, in the order of `Providers.rows`."""
    stt, tts = app.providers.stt, app.providers.tts
    asking: list[Awaitable[str]] = [stt.check(member) for member in stt.order()]
    return asking + [tts.check(member) for member in tts.order()]


async def answer(name: str, question: Awaitable[str]) -> str:
    """Ask the endpoint `name`; return its answer, or why there is none."""
    try:
        return await question
    except ProviderError as error:
        return unnamed(name, str(error))


def sent(row: Row) -> str:
    """Describe what goes where, as in `text to speak → https://api.openai.com/v1, with a key; costs money`."""
    goes = row.place if row.place == "this machine" else f"{row.name} ({row.place})"
    key = ", with a key" if row.sends_key else ""
    return f"{SENT[row.kind]} → {goes}{key}{'; costs money' if row.paid else ''}"


def condition(row: Row) -> str:
    """In words, how it does: `well`, `failing`, `rests 42 s`, `being tried`, `not asked yet`."""
    match row.state:
        case "half-open":
            return "being tried"
        case "open":
            return f"rests {row.resting_seconds:.0f} s"
        case _ if row.failures:
            return "failing"
    if row.resting_seconds:
        return f"busy {row.resting_seconds:.0f} s"
    return "well" if row.requests else "not asked yet"


def card(row: Row, sent: str, answer: str, columns: int) -> list[str]:
    """Render an endpoint: a line of figures, then what is special about it."""
    error = unnamed(row.name, row.last_error)
    told = error if error and error not in answer else ""
    name = shortened(row.name, columns - FIGURE_COLUMNS)
    figures = f"{seconds(row.p50_seconds):>8}{seconds(row.p95_seconds):>8}{row.requests:>11,}{row.errors:>8,}"
    return [
        f"{'→' if row.chosen else ' '} {name:{columns - FIGURE_COLUMNS}}  {condition(row):14}{figures}",
        *folded(f"asked first: {row.why}" if row.chosen else "", columns),
        *folded(sent, columns),
        *folded(f"last error: {told}" if told else "", columns),
        *folded(f"→ {row.remedy}" if told and row.remedy else "", columns),
        *folded(f"now: {answer}" if answer else "", columns),
    ]


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def folded(text: str, columns: int) -> list[str]:
    """`text` below an endpoint, in lines that fit; nothing of nothing."""
    return ["    " + line for line in wrap(text, columns - 4, break_on_hyphens=False)]
