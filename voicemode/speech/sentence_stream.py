"""Synthesis of long text, sentence by sentence: the first is heard while the rest is still being made."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from voicemode.audio.frames import Frame, Frames, closing
from voicemode.errors import ProviderError
from voicemode.speech.base import TextToSpeech, Voice
from voicemode.tasks import ended
from voicemode.text.sentences import requests

PARTS_AHEAD = 2
"""Parts whose audio is buffered at a time: the one being heard and the next."""
USUAL_CHARS = 15.0
"""Characters in a second of speech at normal speed, as a rule."""
COMPLETE = 0.995
"""Share of a part that counts as all of it: the device may not report the last samples."""


class _Mark(Enum):
    PART_ENDED = auto()
    ALL_ENDED = auto()


_Made = asyncio.Queue[Frame | _Mark]


@dataclass(slots=True)
class SpokenPart:
    """A part of the text that is one request, and the seconds of its audio so far."""

    text: str
    seconds: float = 0.0
    complete: bool = False
    """True once all of its audio has been made."""


class Sentences:
    """A TextToSpeech that requests one part of the text after the other from another TextToSpeech.

    The next part is requested when the one before is complete, while that is still being heard: an engine never handles
    two requests at once. Leaving the stream cancels the request at once.
    """

    def __init__(self, inner: TextToSpeech, unheard: list[str]) -> None:
        """Parts that could not be spoken are added to `unheard`."""
        self._inner = inner
        self._unheard = unheard
        self.parts: list[SpokenPart] = []
        """Parts of the latest text."""

    def synthesize(self, text: str, voice: Voice) -> Frames:
        """Speak `text`. Raises ProviderError after the frames that came before it."""
        self.parts = [SpokenPart(request) for request in requests(text)]
        return self._speak(self.parts, voice)

    async def _speak(self, parts: list[SpokenPart], voice: Voice) -> Frames:
        made: _Made = asyncio.Queue()
        room = asyncio.Semaphore(PARTS_AHEAD)
        making = asyncio.create_task(self._make(parts, voice, made, room))
        try:
            while (item := await made.get()) is not _Mark.ALL_ENDED:
                if isinstance(item, Frame):
                    yield item
                else:
                    room.release()
            await making
        finally:
            await ended(making)

    async def _make(self, parts: list[SpokenPart], voice: Voice, made: _Made, room: asyncio.Semaphore) -> None:
        try:
            for number, part in enumerate(parts):
                await room.acquire()
                try:
                    async with closing(self._inner.synthesize(part.text, voice)) as frames:
                        async for frame in frames:
                            part.seconds += frame.seconds
                            made.put_nowait(frame)
                except ProviderError:
                    self._unheard += [later.text for later in parts[number + 1 :]]
                    raise
                part.complete = True
                made.put_nowait(_Mark.PART_ENDED)
        finally:
            made.put_nowait(_Mark.ALL_ENDED)


def heard(parts: Sequence[SpokenPart], seconds: float, speed: float = 1.0) -> list[str]:
    """Return the text of each part heard in the first `seconds` of audio, cut at a word; empty for parts not reached."""
    told = list[str]()
    for part in parts:
        # The length of a part that is still being made can only be estimated.
        length = part.seconds if part.complete else max(part.seconds, len(part.text) / (USUAL_CHARS * speed))
        told.append(up_to(part.text, seconds / length) if length else part.text)
        seconds = max(0.0, seconds - length)
    return told


def up_to(text: str, share: float) -> str:
    """Return the words that are complete after `share` of `text`."""
    if share >= COMPLETE:
        return text
    end = round(len(text) * share)
    return text[:end] if text[end : end + 1].isspace() else text[:end].rpartition(" ")[0]
