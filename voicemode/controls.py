"""Controls of a running turn: stop, skip, send, mute and hold, from another terminal, a hot key or a headset."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

Doing = Literal["idle", "speaking", "listening", "transcribing"]


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed answer."""

    text: str
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class ControlState:
    """State of the controls and of the turn."""

    doing: Doing = "idle"
    muted: bool = False
    """True if nothing is heard, unless `held`."""
    held: bool = False
    """True while push-to-talk is held: everything is recorded until its release."""


class Controls:
    """Controls of a running program; no I/O, one event loop.

    A request affects the current activity. Without an activity to affect, it is dropped and does not wait for the next turn.
    `mute` and `hold` are lasting states; typed text is kept until it is taken.
    """

    def __init__(self) -> None:
        self._doing: Doing = "idle"
        self._muted = self._held = False
        self._stop, self._skip, self._send = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._typed = list[Typed]()

    @property
    def state(self) -> ControlState:
        return ControlState(self._doing, self._muted, self._held)

    def stop(self) -> bool:
        """Silence the agent and end the turn: nothing more is spoken or heard. False if no turn is running."""
        return self._ask(self._stop, "speaking", "listening", "transcribing")

    def skip(self) -> bool:
        """Silence the agent and go on to listen. False if the agent is not speaking."""
        return self._ask(self._skip, "speaking")

    def send(self) -> bool:
        """End the person's turn. False if the agent is not listening."""
        return self._ask(self._send, "listening")

    def mute(self, on: bool) -> None:
        """Hear nothing while `on`."""
        self._muted = on

    def hold(self, down: bool) -> None:
        """Push-to-talk: while `down`, record everything, muted or not. The release ends the person's turn.

        A press while the agent speaks silences it.
        """
        if self._held and not down:
            self.send()
        self._held = down
        if down:
            self.skip()

    def write(self, text: str, speaker: str = "") -> None:
        """Answer with `text`: silence the agent and end the person's turn. Between turns, text is kept for the next one."""
        if text.strip():
            self._typed.append(Typed(text.strip(), speaker))
            self._ask(self._skip, "speaking")
            self._ask(self._send, "speaking", "listening")

    def take(self) -> list[Typed]:
        """Return the text typed since the last call, in order."""
        typed, self._typed = self._typed, []
        return typed

    @property
    def typed(self) -> bool:
        """True if there is typed text to take."""
        return bool(self._typed)

    @property
    def sending(self) -> bool:
        """True if the person's turn is to end now."""
        return self._send.is_set()

    async def sent(self) -> None:
        """Wait for a request to end the person's turn."""
        await self._send.wait()

    async def stopped(self) -> None:
        """Wait for a request to end the turn."""
        await self._stop.wait()

    async def skipped(self) -> None:
        """Wait for a request to silence the agent."""
        await self._skip.wait()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Run a turn; its requests are cleared at its end."""
        try:
            yield
        finally:
            self._doing = "idle"
            for request in (self._stop, self._skip, self._send):
                request.clear()

    def now(self, doing: Doing) -> None:
        """Set the current activity of the turn."""
        self._doing = doing
        if doing == "speaking" and not self._typed:
            self._skip.clear()
        if doing == "listening" and not self._typed:
            self._send.clear()

    def _ask(self, request: asyncio.Event, *concerns: Doing) -> bool:
        if self._doing not in concerns:
            return False
        request.set()
        return True
