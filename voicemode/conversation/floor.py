"""State shared by the turns of a running program."""

import asyncio
from collections import defaultdict, deque

from voicemode.controls import Controls
from voicemode.conversation.between_turns import BetweenTurns
from voicemode.tasks import BackgroundTasks

PAUSES_KEPT = 30


class Floor:
    """The right to speak and listen: only one turn runs at a time."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        """Held during a turn."""
        self.controls = Controls()
        self.meanwhile = BetweenTurns()
        self.pauses = defaultdict[str, deque[float]](lambda: deque(maxlen=PAUSES_KEPT))
        """By speaker: seconds of the latest pauses after which they spoke on."""
        self.left = BackgroundTasks()
        """Short work that outlasts its turn, such as a cue or closing a microphone; the next turn waits for it."""
