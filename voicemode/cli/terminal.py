"""The terminal to which a command writes."""

import shutil

WIDE = 1000


def columns() -> int:
    """Return the width of the terminal; in a pipe, a width so large that nothing is wrapped."""
    return shutil.get_terminal_size((WIDE, 24)).columns
