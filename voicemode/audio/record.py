"""Microphone frames → one recorded turn."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from voicemode.audio.endpoint import Endpointer, Rules, Turn
from voicemode.audio.frames import Frame, Frames, join, rechunk
from voicemode.audio.line import Line
from voicemode.audio.tape import Tape
from voicemode.audio.vad import RATE, Vad

PRE_ROLL_SECONDS = 0.5
"""Kept from before the detected onset: Silero's median onset is 0.27 s late, and the first phoneme is quiet."""
DEAD_SECONDS = 0.5
"""Nothing but digital zeros for so long is a microphone that is muted or not permitted: real ones always hiss."""


@dataclass(frozen=True, slots=True)
class Recording:
    audio: Frame
    """The turn with its pre-roll; empty if nobody spoke."""
    ended: Turn
    dead: bool
    """The microphone never delivered anything but digital zeros."""


class Recorder:
    """Listens for one turn. Feed it a microphone that may be open long before the turn begins."""

    def __init__(self, vad: Vad, rules: Rules, tape: Tape) -> None:
        self.line = Line()
        """The turn while it is being said, from its pre-roll to its end."""
        self._vad = vad
        self._tape = tape
        self._endpointer = Endpointer(rules)
        self._pre_roll_seconds = PRE_ROLL_SECONDS + rules.onset_seconds
        self._kept: list[Frame] = []
        self._zeros_seconds = 0.0
        self._alive = False

    async def record(self, mic: Frames, listening: Callable[[], bool], on_dead: Callable[[], Awaitable[None]]) -> Recording:
        """The next turn in `mic`.

        Args:
            mic: Frames of 16 kHz.
            listening: False while we speak ourselves; such frames are no part of the turn.
            on_dead: Called once, as soon as the microphone proves to deliver nothing.
        """
        async for frame in rechunk(mic, self._vad.frame_seconds):
            if self._notice_zeros(frame):
                await on_dead()
            if listening() and (await self._hear(frame)).done:
                break
        self.line.end()
        return Recording(join(self._kept if self.speaking else [], RATE), self._endpointer.turn, dead=not self._alive)

    @property
    def speaking(self) -> bool:
        """Whether the person has begun to speak."""
        return self._endpointer.turn not in (Turn.WAITING, Turn.NO_SPEECH)

    async def _hear(self, frame: Frame) -> Turn:
        begun = self.speaking
        self._kept.append(frame)
        turn = self._endpointer.feed(self._vad.is_speech(frame), frame.seconds)
        if begun:
            await self._pass_on(frame)
        elif self.speaking:
            for earlier in self._kept:
                await self._pass_on(earlier)
        elif sum(kept.seconds for kept in self._kept) > self._pre_roll_seconds:
            del self._kept[0]
        return turn

    async def _pass_on(self, frame: Frame) -> None:
        self.line.put(frame)
        await self._tape.write(frame)

    def _notice_zeros(self, frame: Frame) -> bool:
        """True once, when `DEAD_SECONDS` of zeros are full."""
        if self._alive or frame.pcm.strip(b"\0"):
            self._alive = True
            return False
        before = self._zeros_seconds
        self._zeros_seconds += frame.seconds
        return before < DEAD_SECONDS <= self._zeros_seconds
