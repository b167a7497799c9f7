"""A SpeechToText that starts before the turn has ended.

At each pause what was said is transcribed, while it is still open whether more comes. If nothing does, the text is there
already. If the person goes on, the work is dropped, or kept as a finished part where it is long: so the time from the last
word to the text does not grow with the turn.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Protocol

from voicemode.audio.frames import SAMPLE_BYTES, Frame, Frames, closing, join
from voicemode.audio.vad import RATE
from voicemode.errors import ProviderError
from voicemode.speech.base import SpeechToText, Transcript
from voicemode.text.completeness import UNKNOWN, reads_finished

PART_SECONDS = 6.0
"""What is shorter, and no sentence, is transcribed again with what follows: that gives context, and takes hardly longer."""
SENTENCE_SECONDS = 1.5
"""What is shorter is no sentence, whatever it reads like."""
BREATH_SECONDS, REST_SECONDS = 0.05, 0.1
"""Of silence after the pause was noticed: after a long part, so that no word is cut; after a sentence, so that it is one."""
SCRAP_SECONDS = 0.5
"""Sound, with the 0.3 s that it takes to notice its end; what is shorter is no word."""
LEAD_SECONDS = 0.3
"""Of silence before a part; with more, Whisper mishears how it begins."""
PROMPT_CHARS = 200
"""Of the text before a part, as its prompt."""


class StreamingTranscriber(SpeechToText, Protocol):
    """Transcribes a turn. The frames that `transcripts` takes are marked with PAUSE; a pause's silence is one frame."""

    def early(self, language: str = "") -> bool:
        """True if `transcripts` tells at each pause what was said so far."""


@dataclass(frozen=True, slots=True)
class TurnPart:
    """A stretch of the turn, from one pause to another."""

    audio: Frame
    frames: int
    """Number of the part."""
    work: asyncio.Task[Transcript]


class Speculation:
    """The work on one turn; `transcripts` ends what it began."""

    def __init__(self, stt: SpeechToText, prompt: str, language: str) -> None:
        self._stt = stt
        self._prompt = prompt
        self._language = language
        self._parts: list[TurnPart] = []
        self._fresh: list[Frame] = []
        """Said after the last part."""
        self._latest: TurnPart | None = None
        """Audio fresh at the last pause, being transcribed. If more is said it becomes a part, or is dropped."""
        self._rest_seconds = 0.0
        """Silence after it, less what it takes to notice a pause."""
        self._untold = set[asyncio.Task[Transcript]]()
        """The work on what was said before the pause that goes on, until its text has been told."""
        self._tasks = set[asyncio.Task[Transcript]]()

    async def transcripts(self, frames: Frames) -> AsyncIterator[Transcript]:
        """At each pause, what was said so far; at last all of it. Raises ProviderError."""
        upcoming = asyncio.create_task(following(frames))
        try:
            while True:
                await asyncio.wait({upcoming} | self._untold, return_when=asyncio.FIRST_COMPLETED)
                if not upcoming.done():
                    works, self._untold = self._untold, set()
                    yield self._so_far(works)
                elif frame := upcoming.result():
                    self._hear(frame)
                    upcoming = asyncio.create_task(following(frames))
                else:
                    break
            last = [self._up_to_now()] if self._fresh else []
            yield whole(await self._done([*self._parts, *last]), final=True)
        finally:
            for task in (upcoming, *self._tasks):
                task.cancel()
            await asyncio.gather(upcoming, *self._tasks, return_exceptions=True)

    def _hear(self, frame: Frame) -> None:
        self._untold = set()
        if frame.pcm:
            if self._latest is not None and len(self._fresh) == self._latest.frames:
                self._rest_seconds = frame.seconds
            self._fresh.append(frame)
        else:
            self._untold = {self._up_to_now().work}

    def _up_to_now(self) -> TurnPart:
        """The part that ends here, begun if need be."""
        if self._latest is not None and len(self._fresh) > self._latest.frames:
            self._settle(self._latest)
        if self._latest is None:
            audio = join(self._fresh, RATE)
            work = asyncio.create_task(self._transcribe(audio, list(self._parts)))
            self._tasks.add(work)
            self._latest = TurnPart(audio, len(self._fresh), work)
        return self._latest

    def _settle(self, latest: TurnPart) -> None:
        """More was said after `latest`: keep it or drop it."""
        if self._may_stand(latest):
            self._parts.append(latest)
            silence, *more = self._fresh[latest.frames :]
            self._fresh = [ending(silence, LEAD_SECONDS), *more]
        else:
            latest.work.cancel()
        self._latest = None

    def _may_stand(self, part: TurnPart) -> bool:
        """True if its text is good by itself: it is long, or a sentence. Whisper tends to leave out what follows one."""
        if sum(frame.seconds for frame in self._fresh[part.frames + 1 :]) < SCRAP_SECONDS:
            # Its own last sound, a breath or a click: by itself, Whisper makes words of that.
            return False
        if part.audio.seconds >= PART_SECONDS:
            return self._rest_seconds >= BREATH_SECONDS or part.audio.seconds >= 2 * PART_SECONDS
        if part.audio.seconds < SENTENCE_SECONDS or self._rest_seconds < REST_SECONDS:
            return False
        if not part.work.done() or part.work.exception():
            return False
        return (reads_finished(part.work.result().text, self._language) or 0.0) >= UNKNOWN

    async def _transcribe(self, audio: Frame, before: list[TurnPart]) -> Transcript:
        text = " ".join([part.text for part in await self._done(before)])
        prompt = f"{self._prompt} {text[-PROMPT_CHARS:]}".strip()
        return await self._stt.transcribe(audio, prompt=prompt, language=self._language)

    async def _done(self, parts: list[TurnPart]) -> list[Transcript]:
        """The texts of `parts`; what nobody could understand is tried once more. Raises ProviderError."""
        done: list[Transcript] = []
        for part in parts:
            try:
                done.append(await asyncio.shield(part.work))
            except ProviderError:
                done.append(await self._stt.transcribe(part.audio, prompt=self._prompt, language=self._language))
        return done

    def _so_far(self, works: Iterable[asyncio.Task[Transcript]]) -> Transcript:
        """Return the text known at a pause; empty if that is not all of it."""
        done = [*(part.work for part in self._parts), *works]
        if any(work.exception() for work in done):
            return Transcript("", final=False)
        return whole([work.result() for work in done], final=False)


def speculative(stt: SpeechToText, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
    """`SpeechToText.transcripts` by way of `transcribe`, begun at each PAUSE in `frames`.

    Whoever waits for one of `frames` is cancelled in the end. Raises ProviderError.
    """
    return Speculation(stt, prompt, language).transcripts(frames)


def whole(parts: list[Transcript], *, final: bool) -> Transcript:
    """One transcript of the parts of a turn."""
    text = ""
    for part in parts:
        text = joined(text, part.text.strip())
    if not parts:
        return Transcript(text, final=final)
    return Transcript(text, parts[0].language, parts[-1].provider, final)


def joined(text: str, more: str) -> str:
    """Both, with a space between. What goes on in small letters shows that a full stop before it is none."""
    if more[:1].islower():
        text = text.rstrip(".…")
    return f"{text} {more}".strip()


def ending(audio: Frame, seconds: float) -> Frame:
    """The last `seconds` of `audio`, or all."""
    return Frame(audio.pcm[-round(seconds * audio.rate) * SAMPLE_BYTES :], audio.rate)


async def following(frames: Frames) -> Frame | None:
    """The next of `frames`; None at their end."""
    return await anext(frames, None)


async def at_the_end(stt: SpeechToText, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
    """`SpeechToText.transcripts` by way of `transcribe`: one final transcript, once the last of `frames` has come."""
    async with closing(frames):
        heard = [frame async for frame in frames]
    yield await stt.transcribe(join(heard, RATE), prompt=prompt, language=language)
