"""Microphone frames → one recorded turn."""

from collections.abc import Awaitable, Callable, MutableSequence
from dataclasses import dataclass

from voicemode.audio.endpoint import Endpointer, Rules, Turn
from voicemode.audio.frames import Frame, Frames, join, rechunk
from voicemode.audio.line import Outlet
from voicemode.audio.tail import Tail
from voicemode.audio.tape import Tape
from voicemode.audio.turn_model import SECONDS, Ear, TurnModel
from voicemode.audio.vad import RATE, Vad
from voicemode.hands import Hands

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Senses:
    """What a turn is heard with."""

    vad: Vad
    turn_model: TurnModel | None = None
    """None where there is none: then the words, or plain silence, have to do."""


class Recorder:
    """Listens for one turn. Feed it a microphone that may be open long before the turn begins."""

    def __init__(
        self, senses: Senses, rules: Rules, tape: Tape, hands: Hands, pauses: MutableSequence[float] | None = None
    ) -> None:
        """`pauses` are those that the same speaker has made so far, in seconds; those of this turn are added."""
        self.outlet = Outlet()
        self.endpointer = Endpointer(rules, pauses)
        """Told by whoever understands the turn what they make of it."""
        self.reading = False
        """Whether somebody makes a text of the turn at each pause."""
        self._vad = senses.vad
        self._ear = Ear(senses.turn_model, lambda sounds: self.endpointer.weigh(sounds=sounds, hearing=False))
        self._tail = Tail()
        self._tape = tape
        self._hands = hands
        self._pre_roll_seconds = PRE_ROLL_SECONDS + rules.onset_seconds
        self._kept: list[Frame] = []
        self._begun = False
        self._zeros_seconds = 0.0
        self._alive = False

    @property
    def speaking(self) -> bool:
        """Whether the person has begun to speak."""
        return self._begun

    async def record(self, mic: Frames, listening: Callable[[], bool], on_dead: Callable[[], Awaitable[None]]) -> Recording:
        """The next turn in `mic`.

        Args:
            mic: Frames of 16 kHz.
            listening: False while we speak ourselves; such frames are no part of the turn.
            on_dead: Called once, as soon as the microphone proves to deliver nothing.
        """
        async with self._ear:
            async for frame in rechunk(mic, self._vad.frame_seconds):
                if self._notice_zeros(frame):
                    await on_dead()
                if listening() and (await self._hear(frame)).done:
                    break
        # Whoever has made a text at the pause would have to make it again.
        self.outlet.end(silence=not self.reading)
        return Recording(join(self._kept if self._begun else [], RATE), self.endpointer.turn, dead=not self._alive)

    async def _hear(self, frame: Frame) -> Turn:
        if self._hands.sending:
            self.endpointer.end(Turn.SENT)
        hands = self._hands.state
        if self.endpointer.turn.done:
            return self.endpointer.turn
        if hands.muted and not hands.held:
            return self.endpointer.feed(is_speech=False, seconds=frame.seconds)
        if hands.held and not self._begun:
            # Exactly what is said while it is held.
            self._kept.clear()
            self.endpointer.begin()
        return await self._take(frame, held=hands.held)

    async def _take(self, frame: Frame, *, held: bool) -> Turn:
        is_speech = self._vad.is_speech(frame) or held
        before, turn = self.endpointer.turn, self.endpointer.feed(is_speech, frame.seconds)
        self._kept.append(frame)
        if before is Turn.PAUSED and turn is Turn.SPEAKING:
            self.outlet.go_on()
            self._ear.forget()
        if self._begun:
            await self._pass_on(frame, is_speech=is_speech)
        elif turn not in (Turn.WAITING, Turn.NO_SPEECH):
            self._begun = True
            for earlier in self._kept:
                await self._pass_on(earlier, is_speech=is_speech)
        elif sum(kept.seconds for kept in self._kept) > self._pre_roll_seconds:
            del self._kept[0]
        tail = self._tail.ended(frame, is_speech=is_speech, paused=before is turn is Turn.PAUSED)
        if tail:
            # Not enough to go on, but the end of the last word.
            self.outlet.go_on()
        if tail or (before is not Turn.PAUSED and turn is Turn.PAUSED):
            self._pause()
        return turn

    def _pause(self) -> None:
        self.outlet.pause()
        hearing = self._ear.ask(join(self._kept[-round(SECONDS / self._vad.frame_seconds) :], RATE))
        self.endpointer.weigh(reading=self.reading, hearing=hearing)

    async def _pass_on(self, frame: Frame, *, is_speech: bool) -> None:
        self.outlet.put(frame, is_speech=is_speech)
        await self._tape.write(frame)

    def _notice_zeros(self, frame: Frame) -> bool:
        """True once, when `DEAD_SECONDS` of zeros are full."""
        if self._alive or frame.pcm.strip(b"\0"):
            self._alive = True
            return False
        before = self._zeros_seconds
        self._zeros_seconds += frame.seconds
        return before < DEAD_SECONDS <= self._zeros_seconds
