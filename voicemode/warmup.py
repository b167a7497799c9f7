"""Warm-up for the first turn ahead of time, with progress reports to a turn that has to wait for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from voicemode.errors import VoiceModeError
from voicemode.progress import Progress, Report
from voicemode.tasks import ended

log = logging.getLogger(__name__)

REPORT_SECONDS = 1.0
"""Seconds between two progress reports to a waiting turn."""


class Warmup:
    """Named jobs that must be done before a turn, started ahead of time or on a turn's request.

    Each turn starts them again, because a server that was ready can have ended since; so a job must be quick when nothing is
    left to do.
    """

    def __init__(self, jobs: Mapping[str, Callable[[Report], Awaitable[object]]]) -> None:
        """Each job gets a callback to report its progress if it takes long."""
        self._jobs = jobs
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._doing: dict[str, Progress | None] = dict.fromkeys(jobs)

    def begin(self, *names: str) -> None:
        """Start the jobs called `names`, or all jobs."""
        for name in names or self._jobs:
            self._begun(name)

    async def wait(self, report: Report, *names: str) -> None:
        """Wait until these jobs have ended, failed or not: the turn that needs a failed one raises the error."""
        for task, name in [(self._begun(name), name) for name in names]:
            while not task.done():
                await asyncio.wait([task], timeout=REPORT_SECONDS)
                if not task.done() and (doing := self._doing[name]):
                    report(doing)

    async def close(self) -> None:
        """Cancel running jobs and wait for them to end."""
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
