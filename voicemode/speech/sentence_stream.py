"""Long text, sentence by sentence: what comes first is heard while the rest is still being made."""

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
"""Parts whose audio is kept at a time: the one being heard and the next."""
USUAL_CHARS = 15.0
"""A second of speech at normal speed holds so many, as a rule."""
COMPLETE = 0.995
"""Of a part: the device may keep the last samples to itself."""


class _Mark(Enum):
    PART_ENDED = auto()
    ALL_ENDED = auto()


_Made = asyncio.Queue[Frame | _Mark]


@dataclass(slots=True)
class SpokenPart:
    """A part of the text requested at once, and the seconds of audio it has come to."""

    text: str
    seconds: float = 0.0
    complete: bool = False
    """False as long as more of it is being made."""


class Sentences:
    """A TextToSpeech that asks another for one part of the text after the other.

    The next part is asked for when the one before is complete, while that is still being heard: an engine never has two
    requests to share itself between. Leaving the stream ends the request at once.
    """

    def __init__(self, inner: TextToSpeech, unheard: list[str]) -> None:
        """Parts that could not be spoken are added to `unheard`."""
        self._inner = inner
        self._unheard = unheard
        self.parts: list[SpokenPart] = []
        """Parts of the latest text."""

    def synthesize(self, text: str, voice: Voice) -> Frames:
        """`text`, spoken. Raises ProviderError after the frames that came before it."""
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
    """Return what of each part was heard after `seconds` of all, cut at a word; empty from where nothing was."""
    told = list[str]()
    for part in parts:
        # Of what is still being made nobody knows how long it will be.
        length = part.seconds if part.complete else max(part.seconds, len(part.text) / (USUAL_CHARS * speed))
        told.append(up_to(part.text, seconds / length) if length else part.text)
        seconds = max(0.0, seconds - length)
    return told


def up_to(text: str, share: float) -> str:
    """The words that are complete after `share` of `text`."""
    if share >= COMPLETE:
        return text
    end = round(len(text) * share)
    return text[:end] if text[end : end + 1].isspace() else text[:end].rpartition(" ")[0]
