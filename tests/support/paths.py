"""Paths used by the tests."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SUPPORT = REPOSITORY / "tests" / "support"
RECORDINGS = REPOSITORY / "tests" / "recordings"
GOLDEN = REPOSITORY / "tests" / "golden"
