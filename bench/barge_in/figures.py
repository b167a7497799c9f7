"""Figures of barge-in in virtual time. Constants were tuned on half of the recordings; the figures come from the rest."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import cycle

import numpy as np

from bench.barge_in.live import FIRST_SECONDS, LATER_SECONDS, NEVER
from bench.barge_in.live import silences as live_silences
from bench.barge_in.loudness import at_usual_loudness, speaking
from bench.barge_in.scene import SPEAKER_SECONDS, Laptop, Moment, Scene
from bench.figures import Figure
from bench.hearing import client
from bench.lab import Lab
from bench.speaking import QUIET_SECONDS, SENTENCES
from bench.turn_taking.recordings import Clip, at_16_khz, clips, default_folder
from tests.support.wer import total_wer
from voicemode.audio.echo.canceller import Canceller, Processing
from voicemode.audio.frames import Frame, join, silence
from voicemode.audio.turns.barge_in import InterruptionDetector, InterruptionState
from voicemode.audio.vad import RATE, create_vad
from voicemode.services import find
from voicemode.speech.base import Voice
from voicemode.speech.openai.client import SpeechClient
from voicemode.transports.speaker import FADE_SECONDS

DELAYS = (0.06, 0.1, 0.15)
OUR_SECONDS = 600.0
VOICES = ("af_sky", "am_adam", "bf_emma")
STUMBLE_SECONDS = 0.009


def people() -> list[Clip]:
    """Return the clips with which no constant was tuned."""
    return sorted(clips(default_folder()), key=lambda clip: clip.name)[1::2]


def scene(laptop: Laptop) -> Scene:
    return Scene(laptop, Canceller(Processing(echo=True)), InterruptionDetector(create_vad("auto", 2)))


def talk_over(ours: Frame, laptop: Laptop, clip: Clip, begins: float, *, yielding: bool = True) -> Iterator[Moment]:
    """Yield the moments of a scene in which `clip` begins `begins` seconds after our voice."""
    said = speaking(at_usual_loudness(clip.audio))
    theirs = join([silence(begins, RATE), said, silence(1.0, RATE)], RATE)
    return scene(laptop).play(Frame(ours.pcm[: len(theirs.pcm)], RATE), theirs, yielding=yielding)


def seconds_to_silence(ours: Frame, laptop: Laptop, clip: Clip, begins: float) -> float:
    """Return the seconds from the person's first sound until our voice is inaudible."""
    told = (
        moment.ends
        for moment in talk_over(ours, laptop, clip, begins)
        if moment.call is InterruptionState.SPEECH and moment.ends > begins
    )
    at = next(told, None)
    return NEVER if at is None else at + SPEAKER_SECONDS + FADE_SECONDS - begins


def silences(ours: Frame, laptop: Laptop, spoken: Sequence[Clip]) -> list[float]:
    return [seconds_to_silence(ours, laptop, clip, FIRST_SECONDS + index * LATER_SECONDS) for index, clip in enumerate(spoken)]


def interruptions(ours: Frame, laptop: Laptop) -> int:
    """Return how often our voice pauses although nobody has spoken."""
    here, count, before = scene(laptop), 0, InterruptionState.QUIET
    for moment in here.play(ours, silence(ours.seconds, RATE)):
        count += moment.call is InterruptionState.SPEECH and before is not InterruptionState.SPEECH
        before = moment.call
        if moment.call in (InterruptionState.OVER, InterruptionState.TURN):
            here.gate.resume()
    return count


def heard_over(ours: Frame, clip: Clip, begins: float, *, yielding: bool) -> Frame:
    """Return the audio that the recogniser gets of a person who talks over us."""
    moments = talk_over(ours, Laptop(), clip, begins, yielding=yielding)
    return join([step for moment in moments if moment.ends > begins - QUIET_SECONDS for step in moment.heard], RATE)


async def our_voice(kokoro: SpeechClient, seconds: float) -> Frame:
    """Return at least `seconds` of Kokoro's speech, in several voices."""
    frames: list[Frame] = []
    said = 0.0
    for sentence, voice in zip(cycle(SENTENCES), cycle(VOICES), strict=False):
        if said >= seconds:
            break
        spoken = [frame async for frame in kokoro.synthesize(sentence, Voice(voice))]
        frames.append(at_16_khz(join([*spoken, silence(0.2, spoken[0].rate)], spoken[0].rate)))
        said += frames[-1].seconds
    return at_usual_loudness(join(frames, RATE))


async def wrong_words(ours: Frame, whisper: SpeechClient, spoken: Sequence[Clip], *, yielding: bool = True) -> float:
    """Return the word error rate of people who talk over us, in percent."""
    pairs: list[tuple[str, str]] = []
    for index, clip in enumerate(spoken):
        audio = heard_over(ours, clip, FIRST_SECONDS + index * LATER_SECONDS, yielding=yielding)
        heard = await whisper.transcribe(audio, language="en")
        pairs.append((" ".join(word.text for word in clip.words), heard.text))
    return 100 * total_wer(pairs)


def cost(ours: Frame) -> float:
    """Return the processor time of canceller, speech detector and gate, in percent of the audio's length, on one thread."""
    canceller, gate = Canceller(Processing(echo=True)), InterruptionDetector(create_vad("auto", 2))
    size = round(RATE * 0.01) * 2
    steps = [Frame(ours.pcm[at : at + size], RATE) for at in range(0, len(ours.pcm) - size, size)]
    begun = time.process_time()
    for step in steps:
        gate.hear(canceller.clean(step, step, 0.1))
    return 100 * (time.process_time() - begun) / ours.seconds


async def measured(lab: Lab, kokoro_url: str, whisper_url: str) -> list[Figure]:
    async with client(kokoro_url, lab.settings) as kokoro, client(whisper_url, lab.settings) as whisper:
        ours = await our_voice(kokoro, OUR_SECONDS)
        spoken = people()
        minute = Frame(ours.pcm[: round(60 * RATE) * 2], RATE)
        over = await wrong_words(minute, whisper, spoken)
        on = await wrong_words(minute, whisper, spoken, yielding=False)
        quiet = await wrong_words(silence(minute.seconds, RATE), whisper, spoken)
    return [
        *(
            silence_figure(f"echo −6 dB after {1000 * delay:.0f} ms", silences(minute, Laptop(delay_seconds=delay), spoken))
            for delay in DELAYS
        ),
        *[
            silence_figure(f"live, the card's and {1000 * delay:.0f} ms", await live_silences(lab, minute, delay, spoken))
            for delay in DELAYS
        ],
        Figure(
            name=f"false interruptions in {ours.seconds / 60:.0f} minutes of our own voice",
            values=(float(interruptions(ours, Laptop())),),
            unit="errors",
            at_most=0,
        ),
        Figure(
            name="with a sound card that stumbles by 9 ms every 7 s",
            values=(float(interruptions(ours, Laptop(slip_seconds=STUMBLE_SECONDS))),),
            unit="errors",
        ),
        Figure(name="WER of who talks over us, less that in the quiet", values=(over - quiet,), unit="%", at_most=5),
        Figure(name="the same if we did not fall silent", values=(on - quiet,), unit="%"),
        Figure(name="WER in the quiet, Whisper base", values=(quiet,), unit="%"),
        Figure(name="canceller and speech detector, of one core", values=(cost(minute),), unit="%", at_most=12),
    ]


def silence_figure(circumstances: str, values: Sequence[float]) -> Figure:
    name = f"person starts → our voice silent, {circumstances} (p90 {np.percentile(values, 90):.2f} s)"
    return Figure(name=name, values=tuple(values), incumbent="never", at_most=0.35)


def measure(lab: Lab) -> list[Figure]:
    return asyncio.run(measured(lab, lab.start(find("kokoro")), lab.start(find("whisper"))))
