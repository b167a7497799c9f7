"""Time to the result after a sentence and after a minute of speech, with a local Whisper: it must not grow."""

import asyncio
from collections.abc import Mapping, Sequence

from bench.figures import Figure
from bench.hearing import WHISPER
from bench.lab import Lab
from bench.turn_taking.live import Stage, turns
from bench.turn_taking.outcomes import Outcome
from bench.turn_taking.presets import NORMAL, program
from bench.turn_taking.recordings import Clip
from bench.turn_taking.utterances import complete, one_after_another

SHORT_SECONDS, LONG_SECONDS = 5.0, 60.0
GAP_SECONDS = 0.3
"""Pause between two sentences of a person who goes on talking."""


def measure(lab: Lab, scene: Stage, environ: Mapping[str, str], clips: Sequence[Clip], runs: int) -> list[Figure]:
    """Measure both, `runs` times."""
    heard = {**environ, "VOICEMODE_STT_BASE_URLS": lab.start(WHISPER)}
    short = complete(min(clips, key=lambda clip: abs(clip.audio.seconds - SHORT_SECONDS)))
    long = one_after_another(clips, GAP_SECONDS, LONG_SECONDS)
    outcomes = asyncio.run(turns(scene, program(NORMAL), heard, [short, long] * runs, "careless"))
    return figures(outcomes[::2], outcomes[1::2])


def figures(short: Sequence[Outcome], long: Sequence[Outcome]) -> list[Figure]:
    """Return the figures for turns of a sentence, and as many of a minute."""
    after_short = tuple(each.wait_seconds for each in short)
    after_long = tuple(each.wait_seconds for each in long)
    longer = tuple(late - soon for soon, late in zip(after_short, after_long, strict=True))
    return [
        Figure(
            name=f"last sound → result after {LONG_SECONDS:g} s of speech, local Whisper base",
            values=after_long,
            incumbent="grows",
            at_most=1.0,
            at_least=0.0,
        ),
        Figure(name=f"the same after {SHORT_SECONDS:g} s", values=after_short),
        Figure(name="how much longer that is", values=longer, at_most=0.2),
    ]
