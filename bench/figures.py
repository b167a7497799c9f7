"""Measured figures, and their table."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Unit = Literal["s", "ms", "MB", "%", "×", "errors", "connections", "kinds"]
DIGITS: dict[Unit, int] = {"s": 3, "ms": 1, "MB": 0, "%": 1, "×": 2, "errors": 0, "connections": 0, "kinds": 0}
HEAD = ("figure", "median", "min", "incumbent", "aim", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table. A figure without an aim is for comparison with the one above."""

    name: str
    values: tuple[float, ...]
    """Value of each run."""
    unit: Unit = "s"
    incumbent: str = ""
    """Figure of the incumbent, from the issue."""
    at_most: float | None = None
    """Aim: the largest acceptable median."""
    at_least: float | None = None
    """Aim: the smallest acceptable value of any run."""

    @property
    def verdict(self) -> Literal["ok", "missed", ""]:
        if self.at_most is None and self.at_least is None:
            return ""
        reached = self.at_most is None or round(median(self.values), DIGITS[self.unit]) <= self.at_most
        kept = self.at_least is None or min(self.values) >= self.at_least
        return "ok" if reached and kept else "missed"

    @property
    def aim(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:.4g} {self.unit}"
        return f"≥ {self.at_least:.4g} {self.unit}" if self.at_least is not None else ""

    def amount(self, value: float) -> str:
        """Return `value` with its unit."""
        return f"{value:.{DIGITS[self.unit]}f} {self.unit}"

    def cells(self) -> tuple[str, ...]:
        name = self.name if self.aim else f"  {self.name}"
        return (name, self.amount(median(self.values)), self.amount(min(self.values)), self.incumbent, self.aim, self.verdict)

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "unit": self.unit,
            "median": median(self.values),
            "min": min(self.values),
            "values": self.values,
            "incumbent": self.incumbent,
            "aim": self.aim,
            "verdict": self.verdict,
        }


def table(figures: Sequence[Figure]) -> str:
    """Render `figures` as lines with aligned columns."""
    rows = [HEAD, *(figure.cells() for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
