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
"""Width of the figures beside a name."""
TITLES = {"stt": "To hear, asked in order", "tts": "To speak, asked in order"}
SENT = {"stt": "your voice", "tts": "text to speak"}


@dataclass(frozen=True, slots=True)
class ProviderTable:
    rows: list[Row]
    """Speech endpoints; within each kind, in the order in which they are tried."""
    sent: list[str]
    """For each row, the data sent and its destination."""
    answers: list[str]
    """For each row, the result of the check; empty without a check."""
    local_only: bool
    """True if nothing leaves this machine."""
    problems: list[str]
    """Providers that could not be loaded, and why."""

    def __str__(self) -> str:
        return self.render(COLUMNS)

    def render(self, columns: int) -> str:
        """Render as text, `columns` wide."""
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
    """List the speech services: the order in which they are tried and why, their health, and what is sent where.

    Args:
        check: Also check each of them now.
    """
    await app.endpoints.lookout.first()
    said = await ask_all(app) if check else {}
    # After the checks, because these move an endpoint that is down behind the others.
    rows = app.providers.rows()
    answers = [said.get((row.kind, row.name), "") for row in rows] if check else []
    problems = [f"{problem.name}: {problem.reason}" for problem in app.endpoints.plugins.problems()]
    return ProviderTable(rows, [sent(row) for row in rows], answers, egress.active(), problems)


async def ask_all(app: App) -> dict[tuple[Kind, str], str]:
    """Check each endpoint; return the results by kind and name."""
    rows = app.providers.rows()
    answers = await asyncio.gather(*(answer(row.name, asking) for row, asking in zip(rows, questions(app), strict=True)))
    return {(row.kind, row.name): said for row, said in zip(rows, answers, strict=True)}


def questions(app: App) -> list[Awaitable[str]]:
    """Return a check of each endpoint, not yet started, in the order of `Providers.rows`."""
    stt, tts = app.providers.stt, app.providers.tts
    asking: list[Awaitable[str]] = [stt.check(member) for member in stt.order()]
    return asking + [tts.check(member) for member in tts.order()]


async def answer(name: str, question: Awaitable[str]) -> str:
    """Await the check of the endpoint `name`; return its result, or the reason why it failed."""
    try:
        return await question
    except ProviderError as error:
        return unnamed(name, str(error))


def sent(row: Row) -> str:
    """Describe the data sent and its destination: `text to speak → https://api.openai.com/v1, with a key; costs money`."""
    goes = row.place if row.place == "this machine" else f"{row.name} ({row.place})"
    key = ", with a key" if row.sends_key else ""
    return f"{SENT[row.kind]} → {goes}{key}{'; costs money' if row.paid else ''}"


def condition(row: Row) -> str:
    """Return the health in words: `well`, `failing`, `rests 42 s`, `busy 42 s`, `being tried` or `not asked yet`."""
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
    """Render an endpoint: a line of figures, then its details."""
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
    """Wrap `text` into indented lines below an endpoint; no lines for an empty text."""
    return ["    " + line for line in wrap(text, columns - 4, break_on_hyphens=False)]
