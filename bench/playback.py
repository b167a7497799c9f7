"""Blocking of the event loop during playback."""

import json
import subprocess
import sys

from bench.figures import Figure
from bench.lab import Lab
from tests.support.paths import REPOSITORY

OUR_VOICE_SECONDS = 4.0


def measure(lab: Lab) -> list[Figure]:
    environ = lab.talking_to(lab.speech_service(OUR_VOICE_SECONDS), VOICEMODE_PATIENCE_SECONDS="1")
    command = [sys.executable, "-m", "bench.programs.playback", str(lab.few_runs + 1)]
    done = subprocess.run(command, env=environ, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True)
    (_, cold), *warm = json.loads(done.stdout)
    return [
        Figure(
            name=f"event loop blocked during playback of {OUR_VOICE_SECONDS:g} s",
            values=tuple(playing for playing, _ in warm),
            unit="ms",
            incumbent="2.5 s",
            at_most=20,
        ),
        Figure(name="in all of a turn", values=tuple(whole for _, whole in warm), unit="ms"),
        Figure(name="in all of the first turn of a process", values=(cold,), unit="ms"),
    ]
