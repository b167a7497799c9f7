"""Both sides of turn-taking in one line: time to the result, and share of turns that a pause for thought cuts off."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median, quantiles

from bench.figures import Figure
from bench.turn_taking.outcomes import Outcome
from bench.turn_taking.recordings import TUNED_BY

HELD_OUT = "held out"


@dataclass(frozen=True, slots=True)
class Curve:
    name: str
    """A preset, or milliseconds of silence."""
    outcomes: tuple[Outcome, ...]

    @property
    def waits(self) -> list[float]:
        """Seconds from last sound to result, of complete sentences that were not cut off."""
        return [each.wait_seconds for each in self.paused(0.0) if not each.cut_off]

    def paused(self, seconds: float) -> list[Outcome]:
        """Return the turns that reached the pause of `seconds` cut into their middle; 0 means without a pause."""
        return [each for each in self.outcomes if each.pause_seconds == seconds and not each.early]

    def cut_off(self, seconds: float) -> float:
        """Return the percentage of those turns that ended in that pause; without one, in the speaker's own pauses."""
        return percentage(each.cut_in_pause for each in self.paused(seconds))

    def cells(self, pauses: Sequence[float]) -> tuple[str, ...]:
        """Return a line of the table."""
        waits = (f"{median(self.waits):.2f} s", f"{p90(self.waits):.2f} s") if self.waits else ("–", "–")
        return (self.name, *waits, *(f"{self.cut_off(pause):.0f} %" for pause in (0.0, *pauses)))

    def as_json(self) -> dict[str, object]:
        return {"name": self.name, "outcomes": [asdict(each) for each in self.outcomes]}


def halves(curve: Curve) -> list[Curve]:
    """Return a curve for the speakers by whom the waits were tuned and one for the others; empty with only one kind."""
    tuned = tuple(each for each in curve.outcomes if each.name.startswith(TUNED_BY))
    others = tuple(each for each in curve.outcomes if each not in tuned)
    return [Curve("  tuned by", tuned), Curve(f"  {HELD_OUT}", others)] if tuned and others else []


def percentage(verdicts: Iterable[bool]) -> float:
    of = list(verdicts)
    return 100 * sum(of) / max(1, len(of))


def p90(values: Sequence[float]) -> float:
    """Return the 90th percentile."""
    return quantiles(values, n=10, method="inclusive")[-1] if len(values) > 1 else values[0]


def table(curves: Sequence[Curve]) -> str:
    """Render one line per curve: the wait on the left, the turns cut off on the right."""
    pauses = sorted({each.pause_seconds for curve in curves for each in curve.outcomes} - {0.0})
    head = ("", "median", "p90", "own", *(f"{pause:g} s" for pause in pauses))
    rows = [head, *(each.cells(pauses) for curve in curves for each in (curve, *halves(curve)))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
    wait, cut = "last sound → result", "cut off in a pause of"
    above = f"{' ' * (widths[0] + 2)}{wait.ljust(widths[1] + widths[2] + 4)}  {cut}"
    return "\n".join([above, lines[0], "-" * max(map(len, lines)), *lines[1:]])


def figures(curve: Curve) -> list[Figure]:
    """Return the figures that the issue aims at, for preset `normal`; then the same for the held-out speakers."""
    held_out = [figure for half in halves(curve)[1:] for figure in aims(half)]
    return [*aims(curve), *(replace(figure, name=f"{figure.name}, {HELD_OUT}") for figure in held_out)]


def aims(curve: Curve) -> list[Figure]:
    """Return the figures with an aim, measured on `curve`."""
    heard_out = [each for each in curve.outcomes if not each.cut_off]
    made = [
        Figure(name="last sound → result, whole sentences", values=tuple(curve.waits), incumbent="1.83 s", at_most=0.65),
        Figure(name="the same, nine of ten", values=(p90(curve.waits),), at_most=1.0),
        Figure(
            name=f"turns of {len(curve.outcomes)} without the first word",
            values=(float(sum(each.first_word_lost for each in curve.outcomes)),),
            unit="errors",
            at_most=0,
        ),
        Figure(
            name=f"turns of {len(heard_out)} heard out, without the last word",
            values=(float(sum(each.last_word_lost for each in heard_out)),),
            unit="errors",
            at_most=0,
        ),
    ]
    if curve.paused(1.3):
        made.append(
            Figure(name="cut off by a pause of 1.3 s", values=(curve.cut_off(1.3),), unit="%", incumbent="all", at_most=10)
        )
    return made
