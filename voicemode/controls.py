"""Controls of a running turn: stop, skip, send, mute, hold; from another terminal, with a hot key or a headset."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

Doing = Literal["idle", "speaking", "listening", "transcribing"]


@dataclass(frozen=True, slots=True)
class Typed:
    """A written answer."""

    text: str
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class ControlState:
    """State of the controls and of the turn."""

    doing: Doing = "idle"
    muted: bool = False
    """Nothing is heard, unless `held`."""
    held: bool = False
    """Push-to-talk is down: everything is recorded until it is let go."""


class Controls:
    """One in a running program; no I/O, one event loop.

    A request concerns what goes on at that moment. One that finds nothing to concern is forgotten: it never waits for the
    next turn. `mute` and `hold` are states, and stay; what was written is kept until somebody takes it.
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
        """Fall silent and end the turn: nothing more is said or heard. False if no turn goes on."""
        return self._ask(self._stop, "speaking", "listening", "transcribing")

    def skip(self) -> bool:
        """Fall silent now, and go on with listening. False if we are not speaking."""
        return self._ask(self._skip, "speaking")

    def send(self) -> bool:
        """The person's turn is over now. False if we are not listening."""
        return self._ask(self._send, "listening")

    def mute(self, on: bool) -> None:
        """Hear nothing while `on`."""
        self._muted = on

    def hold(self, down: bool) -> None:
        """Push-to-talk: while `down` everything is recorded, muted or not; letting go ends the person's turn.

        Pressed while we speak, it silences us.
        """
        if self._held and not down:
            self.send()
        self._held = down
        if down:
            self.skip()

    def write(self, text: str, speaker: str = "") -> None:
        """Answer with `text`: it silences us and ends the person's turn. While none goes on it is kept for the next one."""
        if text.strip():
            self._typed.append(Typed(text.strip(), speaker))
            self._ask(self._skip, "speaking")
            self._ask(self._send, "speaking", "listening")

    def take(self) -> list[Typed]:
        """Return what was written since the last call, in order."""
        typed, self._typed = self._typed, []
        return typed

    @property
    def typed(self) -> bool:
        """True if there is something to take."""
        return bool(self._typed)

    @property
    def sending(self) -> bool:
        """True if the person's turn is to end now."""
        return self._send.is_set()

    async def sent(self) -> None:
        """Wait until the person's turn is to end."""
        await self._send.wait()

    async def stopped(self) -> None:
        """Wait until the turn is to end."""
        await self._stop.wait()

    async def skipped(self) -> None:
        """Wait until our voice is to fall silent."""
        await self._skip.wait()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A turn goes on within; what was asked of an earlier one is forgotten."""
        try:
            yield
        finally:
            self._doing = "idle"
            for request in (self._stop, self._skip, self._send):
                request.clear()

    def now(self, doing: Doing) -> None:
        """Set what the turn does from now on."""
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
