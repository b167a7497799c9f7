"""A VoiceMode in this process beside a task that should run every 5 ms: measure how long that task has to wait.

Usage: python -m bench.programs.playback TURNS. Prints a JSON list: for each turn the longest wait in milliseconds while
we speak, and in the whole turn. The first turn includes the imports.
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
    """A task that runs every 5 ms, and records the delay of each beat."""

    def __init__(self) -> None:
        self.beats: list[tuple[float, float]] = []
        """Time and delay of each beat, in seconds."""

    async def run(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            now = time.monotonic()
            self.beats.append((now, now - before - BEAT_SECONDS))
            before = now

    def latest(self, start: float, end: float) -> float:
        """Return the longest delay of a beat from `start` to `end`, in milliseconds."""
        return 1000 * max((late for at, late in self.beats if start <= at <= end), default=0.0)


async def turn(opened: Runtime) -> tuple[float, float]:
    """Return the longest wait in milliseconds while we spoke, and in the whole turn."""
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
