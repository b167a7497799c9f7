"""Several speech servers that fail on command, behind one VoiceMode."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from tests.support.chaos import Chaos, chaos, sentences_in
from voicemode.audio.frames import Frame
from voicemode.config import Settings
from voicemode.http_client.client import open_http
from voicemode.providers import Provider, Providers, ProviderSession
from voicemode.speech.base import Kind, Voice
from voicemode.speech.openai.client import Endpoint, SpeechClient
from voicemode.speech.sentence_stream import Sentences

LETTER_SAMPLES = 1600
"""Samples per letter: 15 letters a second, as people speak."""
LIMITS = Settings(
    connect_timeout_local=1.0, first_byte_timeout=1.5, idle_timeout=1.5, answer_timeout=4.0, tts_audio_format="pcm"
)
"""Timeouts that are short, but long enough for a busy machine: a healthy server takes a thousandth."""


@dataclass(frozen=True, slots=True)
class Flock:
    servers: Sequence[Chaos]
    foreign: Chaos
    """Target of redirects, which must never get a request."""
    providers: Providers

    async def say(self, text: str, turn: ProviderSession) -> list[str]:
        """Speak `text`; return the sentences that began, as heard."""
        pcm = bytearray()
        async for frame in Sentences(turn, turn.account.unheard).synthesize(text, Voice()):
            pcm += frame.pcm
        return sentences_in(bytes(pcm), LETTER_SAMPLES)

    def asked(self, path: Literal["audio/speech", "audio/transcriptions"]) -> int:
        return sum(server.asked[path] for server in self.servers)


def key_of(server: Chaos) -> str:
    return f"key-of-{server.url.rpartition(':')[2].partition('/')[0]}"


@asynccontextmanager
async def flock(size: int, limits: Settings = LIMITS) -> AsyncIterator[Flock]:
    """Yield `size` servers, each with its own key, in order of preference."""
    async with AsyncExitStack() as stack:
        foreign = await stack.enter_async_context(chaos())
        servers = [
            await stack.enter_async_context(chaos(text=f"heard by {n}", elsewhere=foreign.url, letter_samples=LETTER_SAMPLES))
            for n in range(size)
        ]
        http = await stack.enter_async_context(open_http())

        def provider(server: Chaos, kind: Kind) -> Provider[SpeechClient]:
            client = SpeechClient(Endpoint(server.url, key_of(server)), http, limits, kind)
            return Provider(name=server.url, kind=kind, speech=client, sends_key=True)

        providers = Providers([provider(s, "stt") for s in servers], [provider(s, "tts") for s in servers])
        stack.push_async_callback(providers.close)
        yield Flock(servers, foreign, providers)


def silence_to_transcribe() -> Frame:
    return Frame(bytes(3200), 16_000)
