"""A message of the agent: playback so far, and the words that were heard when it broke off."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import urandom

from voicemode.conversation.status import StatusFeed
from voicemode.errors import AudioDeviceError, NotSpokenError, ProviderError
from voicemode.speech.base import Voice
from voicemode.speech.sentence_stream import Sentences, SpokenPart, heard
from voicemode.tasks import ended
from voicemode.text.spoken import spoken, written
from voicemode.transports.base import Played, Speaker, Transport, Words

LOOK_SECONDS = 0.05
"""Minimum interval between checks for the next part."""


@dataclass(frozen=True, slots=True)
class Playback:
    started_at: float | None
    """`time.monotonic()` at the first audio; None if there was none."""
    seconds: float
    """Seconds of audio that were heard."""
    skipped: bool = False
    """True if the person skipped the rest."""
    heard: str = ""
    """Words that were heard before the person broke in; empty if all were heard."""
    unheard: str = ""
    """Words that were not heard."""

    def then(self, more: "Playback") -> "Playback":
        """Return this playback followed by `more`."""
        heard = " ".join(filter(None, [self.heard, more.heard])) if more.unheard else ""
        started_at = more.started_at if self.started_at is None else self.started_at
        return Playback(started_at, self.seconds + more.seconds, more.skipped, heard, more.unheard)


class Message:
    """A message to speak."""

    def __init__(self, text: str, voice: Voice, pronounce: tuple[tuple[str, str], ...] = ()) -> None:
        """`pronounce` holds (written, spoken) pairs."""
        self.speaker = Speaker()
        self.words = spoken(text, pronounce, voice.language)
        """The text as it is spoken; empty if there is nothing to say."""
        self.complete = not self.words
        """True if the whole message was heard."""
        self._voice = voice
        self._pronounce = pronounce
        self._parts: Sequence[SpokenPart] = ()
        self._segments: list[str] = []
        """Segments of the parts whose playback has begun."""

    @property
    def played(self) -> Played:
        """Playback so far."""
        return self.speaker.played

    async def play(self, transport: Transport, tts: Sentences, status: StatusFeed) -> bool:
        """Return True when the last word has been heard. Cancellation stops playback at once. Raises NotSpokenError.

        If playback breaks off for any reason, the transcript shows the words that were heard, not those that were planned.
        """
        frames = tts.synthesize(self.words, self._voice)
        self._parts = tts.parts
        showing = asyncio.create_task(self._follow(status))
        try:
            await transport.play(frames, self.speaker)
            self.complete = True
        except (ProviderError, AudioDeviceError) as error:
            raise NotSpokenError(error, started_at=self.played.started_at, seconds=self.played.seconds) from error
        finally:
            await ended(showing)
            await (self._show(math.inf, status) if self.complete else self._break_off(status))
        return True

    async def _break_off(self, status: StatusFeed) -> None:
        for number, (part, text) in enumerate(zip(self._parts, self._heard(), strict=True)):
            shown = number < len(self._segments)
            if text != part.text if shown else text:
                segment = self._segments[number] if shown else urandom(6).hex()
                await status.words(Words(self._written(text), segment=segment, interrupted=text != part.text))

    def spoken(self, *, skipped: bool = False) -> Playback:
        """Return the playback so far."""
        told = "", ""
        if not self.complete:
            texts = self._heard()
            rest = [part.text[len(text) :].strip() for part, text in zip(self._parts, texts, strict=True)]
            told = self._written(" ".join(filter(None, texts))), self._written(" ".join(filter(None, rest)))
            if not self._parts:
                told = "", self._written(self.words)
            elif not told[1]:
                told = "", ""
        return Playback(self.played.started_at, self.played.seconds, skipped, *told)

    def _heard(self) -> list[str]:
        return heard(self._parts, self.played.seconds, self._voice.speed)

    async def _follow(self, status: StatusFeed) -> None:
        """Show each part when its playback begins."""
        while len(self._segments) < len(self._parts):
            await self._show(self.played.seconds, status)
            await asyncio.sleep(max(LOOK_SECONDS, self._next_at - self.played.seconds))

    @property
    def _next_at(self) -> float:
        """Seconds of audio before the next part."""
        return sum(part.seconds for part in self._parts[: len(self._segments)])

    async def _show(self, seconds: float, status: StatusFeed) -> None:
        """Show the parts that begin within `seconds` of audio."""
        while len(self._segments) < len(self._parts) and self.played.started_at is not None and self._next_at <= seconds:
            before = self._parts[: len(self._segments)]
            if seconds < math.inf and not all(part.complete for part in before):
                return
            self._segments.append(urandom(6).hex())
            text = self._parts[len(self._segments) - 1].text
            await status.words(Words(self._written(text), segment=self._segments[-1]))

    def _written(self, text: str) -> str:
        return written(text, self._pronounce)
