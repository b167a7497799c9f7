"""How soon the reply comes after the last word, against how often a pause for thought costs the turn.

One line for each preset, and for plain silence of 300 to 1000 ms. On the left whole sentences: last sound → result. On the
right the share of turns that end before the person has finished: in pauses of their own, and in pauses cut in mid-sentence.
"""

import argparse
import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.__main__ import machine
from bench.figures import Figure
from bench.figures import table as figure_table
from bench.lab import MODELS, Lab, speech_service
from bench.turn_taking import long, offline
from bench.turn_taking.curves import Curve, figures, table
from bench.turn_taking.ears import KINDS
from bench.turn_taking.live import OUR_VOICE_SECONDS, Program, curve, stage
from bench.turn_taking.presets import BASELINES, NORMAL, PACES, program
from bench.turn_taking.recordings import OWN, Clip, clips, default_folder
from bench.turn_taking.utterances import Utterance, utterances
from voicemode.models.models import ensure

PAUSES = (0.7, 1.0, 1.3, 1.5)
QUICK_PAUSES = (1.3,)
PLACES = 4
QUICK_NAMES = (NORMAL, "1000ms")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/turns", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    known = [*PACES, *BASELINES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(known)}")
    parser.add_argument("--offline", action="store_true", help="no sound card, no waiting: the conversation in virtual time")
    parser.add_argument("--quick", action="store_true", help="five sentences of one person, pauses of 1.3 s only")
    folder = os.environ.get("VOICEMODE_BENCH_SPEECH")
    parser.add_argument("--speech", type=Path, metavar="DIR", default=folder, help="recordings, with a manifest.tsv")
    parser.add_argument("--pauses", type=float, nargs="+", metavar="SECONDS")
    parser.add_argument("--places", type=int, metavar="NUMBER", help=f"pauses in each sentence; offline {PLACES}, else 1")
    parser.add_argument(
        "--ears",
        choices=KINDS,
        default="careless",
        help="who understands the person: see README",
    )
    parser.add_argument("--light", action="store_true", help="without the turn model; offline only")
    parser.add_argument("--command", type=shlex.split, help="another MCP server, instead of ours")
    parser.add_argument("--tool", default="converse", help="its tool that speaks and listens")
    parser.add_argument("--argument", type=pair, action="append", default=[], metavar="NAME=VALUE", help="of the tool")
    parser.add_argument("--env", type=pair, action="append", default=[], metavar="NAME=VALUE", help="{url}: speech service")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write each turn there, too")
    options = parser.parse_args(given)
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"there is no {', '.join(unknown)}; there is {', '.join(known)}")
    if options.offline and options.command:
        parser.error("another program cannot be measured offline")
    if options.ears == "whisper" and not options.offline:
        parser.error("a real Whisper understands whole sets of sentences only offline")
    options.names = options.names or (QUICK_NAMES if options.quick else known)
    options.speech = options.speech or (OWN if options.quick else default_folder())
    options.places = options.places or (PLACES if options.offline else 1)
    options.pauses = options.pauses or (QUICK_PAUSES if options.quick else PAUSES)
    return options


def pair(text: str) -> tuple[str, Any]:
    """Parse `NAME=VALUE`; VALUE is JSON if valid, else text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def live(options: argparse.Namespace, recorded: Sequence[Clip], said: Sequence[Utterance]) -> tuple[list[Curve], list[Figure]]:
    """Return the curves, and the figures that depend on the length of a turn."""
    with Lab(1) as lab, speech_service(OUR_VOICE_SECONDS) as service, stage(lab.sound, service, lab.home) as scene:
        environ = lab.talking_to(service.url)
        if options.command:
            return [curve(scene, another(options), environ, said, options.ears)], []
        ensure("smart-turn", MODELS)
        curves = [curve(scene, program(name), environ, said, options.ears) for name in options.names]
        return curves, long.measure(lab, scene, environ, recorded, 1 if options.quick else 3)


def another(options: argparse.Namespace) -> Program:
    """Return the program that the command line names."""
    return Program(
        name=options.command[0],
        command=tuple(options.command),
        tool=options.tool,
        arguments=dict(options.argument),
        environ=dict(options.env),
    )


def main() -> None:
    options = arguments()
    recorded = clips(options.speech)
    said = utterances(recorded, options.pauses, options.places)
    if options.offline:
        curves, more = offline.measure(options.names, said, options.ears, light=options.light)
    else:
        curves, more = live(options, recorded, said)
    aims = [figure for curve in curves if curve.name == NORMAL for figure in figures(curve)]
    print("in virtual time" if options.offline else machine())
    print(f"\n{table(curves)}")
    if aims or more:
        print(f"\n{figure_table([*aims, *more])}")
    if options.json:
        options.json.write_text(json.dumps([curve.as_json() for curve in curves], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
