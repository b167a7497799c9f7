"""Looking out for speech servers while the program runs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from voicemode.providers.discovery import Found
from voicemode.tasks import ended

AGAIN_SECONDS = 60.0
FIRST_SECONDS = 2.0
"""How long anybody waits for the first look: what somebody else wrote may take for ever to load."""


class Lookout:
    """Looks at once when it is begun, and then every minute; no turn waits for it unless there is nobody else to ask."""

    def __init__(
        self, look: Callable[[Sequence[Found]], Awaitable[Sequence[Found]]], take: Callable[[Sequence[Found]], None]
    ) -> None:
        """`look` is given what was found the last time and never fails; `take` is given what is there now."""
        self._look = look
        self._take = take
        self._looked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._watch())

    async def first(self) -> None:
        """Return once it has looked: as a rule at once, 0.3 s after the beginning if a server hangs."""
        self.begin()
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await self._looked.wait()

    async def close(self) -> None:
        if self._task is not None:
            await ended(self._task)

    async def _watch(self) -> None:
        found: Sequence[Found] = ()
        try:
            while True:
                found = await self._look(found)
                self._take(found)
                self._looked.set()
                await asyncio.sleep(AGAIN_SECONDS)
        finally:
            self._looked.set()
