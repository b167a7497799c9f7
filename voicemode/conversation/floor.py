"""State that the turns of a running program share."""

import asyncio
from collections import defaultdict, deque

from voicemode.controls import Controls
from voicemode.conversation.between_turns import BetweenTurns
from voicemode.tasks import BackgroundTasks

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
        self.left = BackgroundTasks()
        """Work of a moment that outlasts its turn, as a tone's end or a microphone's closing; the next turn waits for it."""
