"""Recordings of people, with what they say."""

import csv
from pathlib import Path

from tests.support.paths import RECORDINGS


def sentences() -> list[tuple[Path, str]]:
    """Recordings of a person, in order, with what is said."""
    with (RECORDINGS / "manifest.tsv").open(encoding="utf-8") as manifest:
        return [(RECORDINGS / row["file"], row["transcript"]) for row in csv.DictReader(manifest, delimiter="\t")]


CLIPS = {path.name: said for path, said in sentences()}
"""What is said, by the name of the file."""
