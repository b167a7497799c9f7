"""State that the turns of a running program share."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Coroutine
from typing import Any

from voicemode.controls import Controls
from voicemode.conversation.between_turns import BetweenTurns

PAUSES_KEPT = 30


class Floor:
    """The right to speak and listen: only one turn goes on at a time."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        """Held while something is said or heard."""
        self.controls = Controls()
        self.meanwhile = BetweenTurns()
        self.pauses = defaultdict[str, deque[float]](lambda: deque(maxlen=PAUSES_KEPT))
        """By speaker: seconds they last paused for before going on."""
        self._left = set[asyncio.Task[None]]()

    def leave(self, work: Coroutine[Any, Any, None]) -> None:
        """Let `work`, of a moment, outlast its turn: nobody waits for the end of a tone."""
        task = asyncio.create_task(work)
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    async def settle(self) -> None:
        """Wait for what was left; before the next turn, and at the end of all."""
        if self._left:
            await asyncio.wait(self._left)
