"""Response bodies."""

import json


def parsed(body: bytes | str) -> object:
    """Parse JSON; None if it is something else."""
    try:
        return json.loads(body)
    # Nesting deep enough exhausts the stack.
    except (ValueError, RecursionError):
        return None
