"""A transport that reads from and writes to lists."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Self

from voicemode.audio.frames import Frame, Frames, closing, stream
from voicemode.config import Settings
from voicemode.controls import Controls
from voicemode.transports.base import Microphone, News, Played, Speaker


class MemoryTransport:
    """Delivers the frames of `heard` once, in order; collects played frames in `played` and news in `shown`."""

    name = "memory"
    echoes = False

    def __init__(self, heard: Iterable[Frame] = ()) -> None:
        self.heard = list(heard)
        self.played: list[Frame] = []
        self.shown: list[News] = []
        self.open = False

    @classmethod
    def from_settings(cls, settings: Settings, controls: Controls) -> Self:
        return cls()

    @asynccontextmanager
    async def microphones(self) -> AsyncIterator[AsyncIterator[Microphone]]:
        self.open = True
        try:
            yield stream(Microphone(stream(*self.heard)))
        finally:
            self.open = False

    async def play(self, frames: Frames, speaker: Speaker | None = None) -> Played:
        speaker = speaker or Speaker()
        async with closing(frames):
            async for frame in frames:
                self.played.append(frame)
                speaker.took(frame.seconds)
        return speaker.played

    async def show(self, news: News) -> None:
        self.shown.append(news)

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""
