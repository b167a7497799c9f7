"""Getting ready for the first turn while nobody waits, and telling what it takes when somebody does."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from voicemode.errors import VoiceModeError
from voicemode.progress import Progress, Report
from voicemode.tasks import ended

log = logging.getLogger(__name__)

REPORT_SECONDS = 1.0
"""Between two reports of what a turn waits for."""


class Warmup:
    """Work that has to be done before a turn, by name: begun when a turn asks for it, or ahead of time.

    It is begun anew for each turn, for what was ready once may have ended since; so it has to be quick when nothing is left
    to do.
    """

    def __init__(self, jobs: Mapping[str, Callable[[Report], Awaitable[object]]]) -> None:
        """Each job is given a report to tell what it is doing, if that takes long."""
        self._jobs = jobs
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._doing: dict[str, Progress | None] = dict.fromkeys(jobs)

    def begin(self, *names: str) -> None:
        """Start these, or all of it."""
        for name in names or self._jobs:
            self._begun(name)

    async def wait(self, report: Report, *names: str) -> None:
        """Return once these jobs have ended, well or not: what failed is told by the turn that needs it."""
        for task, name in [(self._begun(name), name) for name in names]:
            while not task.done():
                await asyncio.wait([task], timeout=REPORT_SECONDS)
                if not task.done() and (doing := self._doing[name]):
                    report(doing)

    async def close(self) -> None:
        """Give up what is still going on."""
        await ended(*self._tasks.values())

    def _begun(self, name: str) -> asyncio.Task[None]:
        if name not in self._tasks or self._tasks[name].done():
            self._doing[name] = None
            self._tasks[name] = asyncio.create_task(self._run(name))
        return self._tasks[name]

    async def _run(self, name: str) -> None:
        try:
            await self._jobs[name](partial(self._doing.__setitem__, name))
        except VoiceModeError as error:
            log.info("Not ready: %s", error)
