"""The terminal that a command writes to."""

import shutil

WIDE = 1000


def columns() -> int:
    """Columns there are; where nobody sees them, as in a pipe, so many that nothing is wrapped."""
    return shutil.get_terminal_size((WIDE, 24)).columns
