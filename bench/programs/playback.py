"""A VoiceMode in this process, with a task beside it that wants to run every 5 ms: how long is it kept waiting?

Usage: python -m bench.programs.playback TURNS. Prints a JSON list: for each turn the longest wait in milliseconds while
we speak, and in all of the turn. The first turn, which imports what the others need, comes first.
"""

import asyncio
import json
import sys
import time

from voicemode.app import Runtime, open_app
from voicemode.progress import Progress
from voicemode.tools.converse import converse

BEAT_SECONDS = 0.005


class Heartbeat:
    """Wants to run every 5 ms, and notes how late each beat is."""

    def __init__(self) -> None:
        self.beats: list[tuple[float, float]] = []
        """When, and how late; seconds."""

    async def run(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            now = time.monotonic()
            self.beats.append((now, now - before - BEAT_SECONDS))
            before = now

    def latest(self, start: float, end: float) -> float:
        """Milliseconds the latest beat between the two was late."""
        return 1000 * max((late for at, late in self.beats if start <= at <= end), default=0.0)


async def turn(opened: Runtime) -> tuple[float, float]:
    """Milliseconds: the longest wait while we spoke, and in all of the turn."""
    stages: dict[str, float] = {"begun": time.monotonic()}

    def report(progress: Progress) -> None:
        stages[progress.stage] = time.monotonic()

    heartbeat = Heartbeat()
    beating = asyncio.create_task(heartbeat.run())
    await converse(await opened.now(report), "Anything.")
    await asyncio.sleep(BEAT_SECONDS)
    beating.cancel()
    return heartbeat.latest(stages["speaking"], stages["listening"]), heartbeat.latest(stages["begun"], time.monotonic())


async def main(turns: int) -> None:
    async with open_app() as opened:
        opened.warm_up()
        print(json.dumps([await turn(opened) for _ in range(turns)]))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
