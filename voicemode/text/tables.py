"""Plain-text tables that fit into a terminal: cells that are too long are wrapped within their column."""

from collections.abc import Sequence
from itertools import zip_longest
from textwrap import wrap

GAP = "  "
NARROWEST = 8


def table(rows: Sequence[Sequence[str]], columns: int) -> list[str]:
    """Return `rows` as aligned lines of at most `columns` characters, where possible."""
    return aligned(rows, widths_of(rows, columns))


def aligned(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """Return `rows` as lines with cells of `widths`."""
    return [line for row in rows for line in _lines(row, widths)]


def widths_of(rows: Sequence[Sequence[str]], columns: int) -> list[int]:
    """Return the cell widths of `rows`, the widest ones reduced until the table fits into `columns`, if it can."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    while sum(widths) + len(GAP) * (len(widths) - 1) > columns and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    cells = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    lines = zip_longest(*cells, fillvalue="")
    return [GAP.join(f"{part:{width}}" for part, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _wrapped(cell: str, width: int) -> list[str]:
    # Not wrapped if it fits: leading blanks align numbers.
    return [cell] if len(cell) <= width else wrap(cell, width, break_on_hyphens=False)


def shortened(text: str, columns: int) -> str:
    """Return `text` cut to `columns` characters."""
    return text if len(text) <= columns else f"{text[: max(0, columns - 1)]}…"[:columns]
