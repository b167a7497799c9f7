"""Every figure of the README in one table: bench/run, or some of them: bench/run start turn."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import (
    barge_in,
    ear,
    engine_room,
    failover,
    hearing,
    install,
    long_file,
    memory,
    page,
    playback,
    rooms,
    speaking,
    start,
    turn,
)
from bench.figures import Figure, table
from bench.lab import Lab
from bench.turn_taking import brief, parts

MEASURES: Mapping[str, Callable[[Lab], list[Figure]]] = {
    "start": start.measure,
    "memory": memory.measure,
    "turn": turn.measure,
    "turn_taking": brief.measure,
    "parts": parts.measure,
    "barge_in": barge_in.measure,
    "playback": playback.measure,
    "hearing": hearing.measure,
    "long_file": long_file.measure,
    "speaking": speaking.measure,
    "intelligibility": speaking.intelligibility,
    "ear": ear.measure,
    "engine_room": engine_room.measure,
    "failover": failover.measure,
    "page": page.measure,
    "install": install.measure,
    "rooms": rooms.measure,
}
BUSY = 0.5
"""Machine load above which timings are unreliable."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(MEASURES)}")
    parser.add_argument("--runs", type=int, default=7, help="of what is quick; half as many of what is not (default: 7)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too, with each run")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in MEASURES]:
        parser.error(f"there is no {', '.join(unknown)}; there is {', '.join(MEASURES)}")
    return options


def measured(names: list[str], runs: int) -> list[Figure]:
    """Measure the figures called `names`; progress goes to stderr."""
    figures: list[Figure] = []
    with Lab(runs) as lab:
        for name in names:
            begun = time.monotonic()
            print(f"{name} …", end=" ", file=sys.stderr, flush=True)
            figures += MEASURES[name](lab)
            print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)
    return figures


def machine() -> str:
    load = os.getloadavg()[0]
    warning = " (BUSY: timings say little)" if load > BUSY else ""
    return f"{os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}, load {load:.1f}{warning}"


def main() -> None:
    options = arguments()
    here = machine()
    figures = measured(options.names or list(MEASURES), options.runs)
    print(f"{here}\n\n{table(figures)}")
    if options.json:
        report = {"machine": here, "figures": [figure.as_json() for figure in figures]}
        options.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
