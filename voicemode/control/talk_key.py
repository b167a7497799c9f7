"""Push-to-talk, as it is pressed from outside."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from voicemode.controls import Controls


class TalkKey:
    """Held by visitors as long as they stay, or pressed until somebody releases it."""

    def __init__(self, controls: Controls, press_seconds: float) -> None:
        """Let go of a held key after `press_seconds`: whoever pressed it is gone."""
        self._controls = controls
        self._press_seconds = press_seconds
        self._letting_go: asyncio.TimerHandle | None = None

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Down until the end of the block; False if nobody speaks or listens, and then it is not."""
        did = self._down()
        try:
            yield did
        finally:
            if did:
                self._controls.hold(down=False)

    def press(self) -> bool:
        """Down until `release`; False as above."""
        did = self._down()
        if did:
            self._forget()
            self._letting_go = asyncio.get_running_loop().call_later(self._press_seconds, self.release)
        return did

    def release(self) -> bool:
        """End what `press` began; False if that is over."""
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
