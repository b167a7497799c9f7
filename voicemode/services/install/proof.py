"""Proof that a service works: one request of its kind through its own API, such as a sentence to speak."""

import time
from dataclasses import replace
from functools import partial

from voicemode.audio.cues import done_cue, listening_cue
from voicemode.audio.frames import join, silence
from voicemode.config import Settings
from voicemode.errors import ServiceError, VoiceModeError
from voicemode.http_client.client import open_http
from voicemode.services.service import Service
from voicemode.speech.base import Voice
from voicemode.speech.openai.client import Endpoint, SpeechClient

SENTENCE = "Ready."
RATE = 16_000
PAUSE_SECONDS = 0.5


async def prove(service: Service, settings: Settings) -> str:
    """Send the running `service` one request; return a summary. Raises ServiceError if it does not work."""
    begun = time.monotonic()
    try:
        done = await (service.proof or partial(_speech, service))(settings)
    except VoiceModeError as error:
        raise ServiceError(f"{service.title} runs, but does not do its work: {error.message}", hint=error.hint) from error
    return f"{done} in {time.monotonic() - begun:.1f} s"


async def _speech(service: Service, settings: Settings) -> str:
    # These formats need no codec, which may not be installed here.
    plain = replace(settings, tts_audio_format="pcm", stt_audio_format="wav")
    async with open_http() as http:
        client = SpeechClient(Endpoint(service.url(settings)), http, plain)
        return await (_speak(client) if service.kind == "tts" else _listen(client))


async def _speak(client: SpeechClient) -> str:
    seconds = sum([frame.seconds async for frame in client.synthesize(SENTENCE, Voice())])
    return f"spoke {seconds:.1f} s of sound"


async def _listen(client: SpeechClient) -> str:
    # Silence alone would be answered at once as "no speech", without the engine.
    sound = join([listening_cue(RATE), silence(PAUSE_SECONDS, RATE), done_cue(RATE)], RATE)
    await client.transcribe(sound)
    return "listened to a melody"
