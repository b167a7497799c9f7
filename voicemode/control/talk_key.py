"""Push-to-talk, operated by clients of the control channel."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from voicemode.controls import Controls


class TalkKey:
    """Held by a client while it is connected, or pressed until a client releases it."""

    def __init__(self, controls: Controls, press_seconds: float) -> None:
        """A pressed key is released after `press_seconds`: by then the client that pressed it is gone."""
        self._controls = controls
        self._press_seconds = press_seconds
        self._letting_go: asyncio.TimerHandle | None = None

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the key until the end of the block; yield False, without holding it, unless a turn is speaking or listening."""
        did = self._down()
        try:
            yield did
        finally:
            if did:
                self._controls.hold(down=False)

    def press(self) -> bool:
        """Hold the key until `release` or the timeout; False, without holding it, unless a turn is speaking or listening."""
        did = self._down()
        if did:
            self._forget()
            self._letting_go = asyncio.get_running_loop().call_later(self._press_seconds, self.release)
        return did

    def release(self) -> bool:
        """End what `press` began; False if that has ended."""
        pressed = self._letting_go is not None
        self._forget()
        if pressed:
            self._controls.hold(down=False)
        return pressed

    def _down(self) -> bool:
        if self._controls.state.doing not in ("speaking", "listening"):
            return False
        self._controls.hold(down=True)
        return True

    def _forget(self) -> None:
        if self._letting_go:
            self._letting_go.cancel()
        self._letting_go = None
