"""All endpoints for both jobs, with their health and latencies."""

import asyncio
from collections.abc import Sequence

from voicemode.audio.frames import closing, silence
from voicemode.audio.vad import RATE
from voicemode.providers.choice import Row, rows
from voicemode.providers.pool import Pool
from voicemode.providers.provider import Account, Provider
from voicemode.providers.race import Hedge
from voicemode.providers.session import ProviderSession, Speculate
from voicemode.speech.base import Synthesizer, Transcriber, Voice

PROBE_SECONDS = 0.3
"""Seconds of silence that a probe transcribes."""
PROBE_TEXT = "Ready."


class Providers:
    """Order, failover and load balancing of the endpoints for both jobs."""

    def __init__(
        self,
        stt: Sequence[Provider[Transcriber]],
        tts: Sequence[Provider[Synthesizer]],
        *,
        hedge: Hedge = "free",
        stt_model: str = "",
        voices: tuple[str, ...] = (),
    ) -> None:
        """`stt_model` is a model requested by name, `voices` are those preferred."""
        self.stt = Pool("stt", stt, hedge, probe_transcriber)
        self.tts = Pool("tts", tts, hedge, probe_speaker)
        self._stt_model = stt_model
        self._voices = voices

    def turn(self, account: Account | None = None, speculate: Speculate = "off") -> ProviderSession:
        """Return the session of one turn; `account` records its requests."""
        return ProviderSession(self.stt, self.tts, account or Account(), self._stt_model, self._voices, speculate)

    def rows(self) -> list[Row]:
        """Return a row for each endpoint, best first within each kind."""
        return rows("stt", self.stt.order(), self.stt.members) + rows("tts", self.tts.order(), self.tts.members)

    async def close(self) -> None:
        """Cancel the background tasks."""
        await asyncio.gather(self.stt.close(), self.tts.close())


async def probe_transcriber(stt: Transcriber) -> None:
    """Make a request as a turn would: a server may list its models and yet fail at its work."""
    await stt.transcribe(silence(PROBE_SECONDS, RATE))


async def probe_speaker(tts: Synthesizer) -> None:
    """Have a short text spoken, up to its first frame."""
    async with closing(tts.synthesize(PROBE_TEXT, Voice())) as frames:
        async for _ in frames:
            return
