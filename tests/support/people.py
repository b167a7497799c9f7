"""Recordings of people, with transcripts."""

import csv
from pathlib import Path

from tests.support.paths import RECORDINGS


def sentences() -> list[tuple[Path, str]]:
    """Return the recordings of a person, in order, with transcripts."""
    with (RECORDINGS / "manifest.tsv").open(encoding="utf-8") as manifest:
        return [(RECORDINGS / row["file"], row["transcript"]) for row in csv.DictReader(manifest, delimiter="\t")]


CLIPS = {path.name: said for path, said in sentences()}
"""Transcripts by file name."""
