"""Speculative transcription, which starts before the turn has ended.

At each pause the speech so far is transcribed, before it is clear whether more follows. If none does, the text is ready.
If the person goes on, the work is dropped, or kept as a finished part if it is long or a sentence: so the time from the
last word to the text does not grow with the turn.
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
"""A shorter part that is no sentence is transcribed again with the speech after it: more context in hardly more time."""
SENTENCE_SECONDS = 1.5
"""A shorter part is no sentence, whatever its text reads like."""
BREATH_SECONDS, REST_SECONDS = 0.05, 0.1
"""Least silence after a pause was detected: after a long part, so that no word is cut; after a sentence, to be sure."""
SCRAP_SECONDS = 0.5
"""Shortest word, with the 0.3 s that it takes to detect its end."""
LEAD_SECONDS = 0.3
"""Silence kept before a part; with more, Whisper mishears its beginning."""
PROMPT_CHARS = 200
"""Characters of the text before a part that are its prompt."""


class StreamingTranscriber(SpeechToText, Protocol):
    """Transcribes a turn. The frames passed to `transcripts` have a PAUSE at each pause; its silence is one frame."""

    def early(self, language: str = "") -> bool:
        """True if `transcripts` yields the transcript so far at each pause."""


@dataclass(frozen=True, slots=True)
class TurnPart:
    """A stretch of the turn, from one pause to the next."""

    audio: Frame
    frames: int
    """Number of frames in the part."""
    work: asyncio.Task[Transcript]


class Speculation:
    """The transcription tasks of one turn; `transcripts` cancels them when it ends."""

    def __init__(self, stt: SpeechToText, prompt: str, language: str) -> None:
        self._stt = stt
        self._prompt = prompt
        self._language = language
        self._parts: list[TurnPart] = []
        self._fresh: list[Frame] = []
        """Frames after the last part."""
        self._latest: TurnPart | None = None
        """The fresh audio as of the last pause, being transcribed. If speech goes on, it becomes a part or is dropped."""
        self._rest_seconds = 0.0
        """Silence after `_latest`, less the time it takes to detect a pause."""
        self._untold = set[asyncio.Task[Transcript]]()
        """The transcription up to the current pause, until its text has been yielded."""
        self._tasks = set[asyncio.Task[Transcript]]()

    async def transcripts(self, frames: Frames) -> AsyncIterator[Transcript]:
        """Yield the transcript so far at each pause, and all of it at the end. Raises ProviderError."""
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
        """Return the part that ends here; start its transcription if necessary."""
        if self._latest is not None and len(self._fresh) > self._latest.frames:
            self._settle(self._latest)
        if self._latest is None:
            audio = join(self._fresh, RATE)
            work = asyncio.create_task(self._transcribe(audio, list(self._parts)))
            self._tasks.add(work)
            self._latest = TurnPart(audio, len(self._fresh), work)
        return self._latest

    def _settle(self, latest: TurnPart) -> None:
        """Keep `latest` as a part or drop it, now that speech has gone on."""
        if self._may_stand(latest):
            self._parts.append(latest)
            silence, *more = self._fresh[latest.frames :]
            self._fresh = [ending(silence, LEAD_SECONDS), *more]
        else:
            latest.work.cancel()
        self._latest = None

    def _may_stand(self, part: TurnPart) -> bool:
        """True if the part is good by itself: long, or a sentence. Whisper tends to leave out the speech after a sentence."""
        if sum(frame.seconds for frame in self._fresh[part.frames + 1 :]) < SCRAP_SECONDS:
            # Only its own last sound, a breath or a click follows: from that alone, Whisper makes up words.
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
        """Return the transcripts of `parts`; a failed one is retried once. Raises ProviderError."""
        done: list[Transcript] = []
        for part in parts:
            try:
                done.append(await asyncio.shield(part.work))
            except ProviderError:
                done.append(await self._stt.transcribe(part.audio, prompt=self._prompt, language=self._language))
        return done

    def _so_far(self, works: Iterable[asyncio.Task[Transcript]]) -> Transcript:
        """Return the transcript up to a pause; empty if a part of it failed."""
        done = [*(part.work for part in self._parts), *works]
        if any(work.exception() for work in done):
            return Transcript("", final=False)
        return whole([work.result() for work in done], final=False)


def speculative(stt: SpeechToText, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
    """Implement `SpeechToText.transcripts` with `transcribe`, started at each PAUSE in `frames`.

    A pending read of `frames` is cancelled at the end. Raises ProviderError.
    """
    return Speculation(stt, prompt, language).transcripts(frames)


def whole(parts: list[Transcript], *, final: bool) -> Transcript:
    """Join the transcripts of a turn's parts."""
    text = ""
    for part in parts:
        text = joined(text, part.text.strip())
    if not parts:
        return Transcript(text, final=final)
    return Transcript(text, parts[0].language, parts[-1].provider, final)


def joined(text: str, more: str) -> str:
    """Join both with a space. If `more` begins in lower case, the full stop before it is dropped."""
    if more[:1].islower():
        text = text.rstrip(".…")
    return f"{text} {more}".strip()


def ending(audio: Frame, seconds: float) -> Frame:
    """Return the last `seconds` of `audio`, or all of it."""
    return Frame(audio.pcm[-round(seconds * audio.rate) * SAMPLE_BYTES :], audio.rate)


async def following(frames: Frames) -> Frame | None:
    """Return the next of `frames`; None at the end."""
    return await anext(frames, None)


async def at_the_end(stt: SpeechToText, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
    """Implement `SpeechToText.transcripts` with `transcribe`: one final transcript after the last of `frames`."""
    async with closing(frames):
        heard = [frame async for frame in frames]
    yield await stt.transcribe(join(heard, RATE), prompt=prompt, language=language)
