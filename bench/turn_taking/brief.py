"""Figures of turn-taking for the table of all figures: preset `normal`, in real time, in three minutes."""

from bench.figures import Figure
from bench.lab import MODELS, Lab, speech_service
from bench.turn_taking import long
from bench.turn_taking.curves import figures
from bench.turn_taking.live import OUR_VOICE_SECONDS, curve, stage
from bench.turn_taking.presets import NORMAL, program
from bench.turn_taking.recordings import OWN, clips
from bench.turn_taking.utterances import utterances
from voicemode.models.models import ensure

PAUSES = (1.3,)


def measure(lab: Lab) -> list[Figure]:
    ensure("smart-turn", MODELS)
    recorded = clips(OWN)
    with speech_service(OUR_VOICE_SECONDS) as service, stage(lab.sound, service, lab.home) as scene:
        environ = lab.talking_to(service.url)
        normal = curve(scene, program(NORMAL), environ, utterances(recorded, PAUSES))
        return [*figures(normal), *long.measure(lab, scene, environ, recorded, runs=1)]
