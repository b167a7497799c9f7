"""Talking over a real server on a virtual sound card with echo: time until our voice falls silent, in real time."""

import asyncio
import time
from collections.abc import Sequence

import numpy as np
from mcp.client import Client

from bench.barge_in.loudness import at_usual_loudness, speaking
from bench.lab import Lab
from bench.turn_taking.loudness import samples
from bench.turn_taking.recordings import Clip, at_16_khz
from tests.support.endpoints import endpoint, speech_api
from tests.support.mcp_client import connect
from tests.support.rig import CABLE, RATE, Recording, VirtualSound
from voicemode.audio.frames import Frame
from voicemode.audio.resample import Resampler

FIRST_SECONDS = 3.0
"""Seconds that we speak alone before the first person talks over us; each further person begins later."""
LATER_SECONDS = 0.37
QUIET_DB = -60.0
"""Level, relative to full scale, below which our voice is inaudible."""
SILENT_SECONDS = 0.5
"""Longer than any pause in our speech."""
LOOK_SECONDS = 0.01
LIMIT_SECONDS = 60.0
NEVER = 9.0
"""Seconds reported if our voice was not interrupted."""


async def silences(lab: Lab, ours: Frame, delay: float, spoken: Sequence[Clip]) -> list[float]:
    """Return the seconds from the person's first sound at the microphone until our voice is inaudible.

    Negative if our own echo has silenced us before.
    """
    resampler = Resampler(RATE)
    pcm = resampler.convert(ours).pcm + resampler.finish().pcm
    async with endpoint(speech_api(pcm, "it was the person")) as speech:
        with lab.sound.echo(-6.0, delay):
            async with connect(lab.talking_to(speech.url, VOICEMODE_AUDIO_FEEDBACK="false")) as agent:
                return [await silence(agent, lab.sound, clip, number) for number, clip in enumerate(spoken)]


async def silence(agent: Client, sound: VirtualSound, clip: Clip, number: int) -> float:
    with sound.record() as speaker, sound.record(CABLE) as microphone:
        arguments = {"message": "Let me explain."}
        call = asyncio.create_task(agent.call_tool("converse", arguments, read_timeout_seconds=LIMIT_SECONDS))
        async with asyncio.timeout(LIMIT_SECONDS):
            began = await first_sound(speaker)
        await asyncio.sleep(began + FIRST_SECONDS + number * LATER_SECONDS - time.monotonic())
        said, begins = speaking(at_usual_loudness(clip.audio)), time.monotonic()
        player = sound.speak(said)
        try:
            result = await call
        finally:
            player.terminate()
            await asyncio.to_thread(player.wait)
        if not (result.structured_content or {}).get("unspoken"):
            return NEVER
        silent = silent_at(speaker)
        return silent - (begins if silent < begins else begun_at(microphone, said))


async def first_sound(speaker: Recording) -> float:
    while True:
        if (at := speaker.first_sound_at()) is not None:
            return at
        await asyncio.sleep(LOOK_SECONDS)


def silent_at(speaker: Recording) -> float:
    """Return the time of our last sound before our first silence."""
    loud = np.flatnonzero(np.abs(np.frombuffer(speaker.frame.pcm, "<i2")) > 32768 * 10 ** (QUIET_DB / 20))
    breaks = np.flatnonzero(np.diff(loud) > SILENT_SECONDS * RATE)
    return speaker.came_at(int(loud[breaks[0]] if len(breaks) else loud[-1]))


def begun_at(microphone: Recording, said: Frame) -> float:
    """Return the time at which the microphone heard the beginning of `said`, found by cross-correlation."""
    heard, known = samples(at_16_khz(microphone.frame)), samples(said)
    size = 1 << (len(heard) + len(known)).bit_length()
    alike = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(known, size)))
    return microphone.came_at(int(np.argmax(alike[: len(heard)])) * RATE // said.rate)
