"""Microphone frames → one recorded turn."""

import math
from collections.abc import MutableSequence
from dataclasses import dataclass, replace

from voicemode.audio.frames import Chunks, Frame, join
from voicemode.audio.queue import Outlet
from voicemode.audio.turns.endpointer import Endpointer, Rules, TurnState
from voicemode.audio.turns.model import SECONDS, TurnModel, TurnPredictor
from voicemode.audio.turns.tail import Tail
from voicemode.audio.vad import RATE, Vad
from voicemode.controls import Controls
from voicemode.conversation.recording import Recording

PRE_ROLL_SECONDS = 0.5
"""Kept from before the detected onset: Silero's median onset is 0.27 s late, and the first phoneme is quiet."""
DEAD_SECONDS = 0.5
"""Nothing but digital zeros for so long is a microphone that is muted or not permitted: real ones always hiss."""
CERTAIN_SECONDS = 0.001
"""Onset of a turn of which somebody else knows that it has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDetectors:
    """Detectors of one turn."""

    vad: Vad
    turn_model: TurnModel | None = None
    """None where there is none: then the words, or plain silence, have to do."""


class Pulse:
    """Tells whether a microphone delivers anything but digital zeros."""

    def __init__(self) -> None:
        self.dead = True
        """It never has."""
        self._zeros_seconds = 0.0

    def stopped(self, frame: Frame) -> bool:
        """Take `frame` into account. True once, when `DEAD_SECONDS` of zeros are full."""
        if not self.dead or frame.pcm.strip(b"\0"):
            self.dead = False
            return False
        before = self._zeros_seconds
        self._zeros_seconds += frame.seconds
        return before < DEAD_SECONDS <= self._zeros_seconds


class Recorder:
    """Listens for one turn. Feed it a microphone that may be open long before the turn begins."""

    def __init__(
        self,
        detectors: TurnDetectors,
        rules: Rules,
        recording: Recording,
        controls: Controls,
        pauses: MutableSequence[float] | None = None,
    ) -> None:
        """`pauses` are those that the same speaker has made so far, in seconds; those of this turn are added."""
        self.outlet = Outlet()
        self.endpointer = Endpointer(rules, pauses)
        """Told by whoever understands the turn what they make of it."""
        self.reading = False
        """True if somebody makes a text of the turn at each pause."""
        self._vad = detectors.vad
        self._chunks = Chunks(detectors.vad.frame_seconds)
        self._ear = TurnPredictor(detectors.turn_model, lambda sounds: self.endpointer.weigh(sounds=sounds, hearing=False))
        self._tail = Tail()
        self._recording = recording
        self._controls = controls
        self._pre_roll_seconds = PRE_ROLL_SECONDS + rules.onset_seconds
        self.kept: list[Frame] = []
        """The turn so far, or what would belong to it if it began now."""
        self._begun = self._was_held = self._finished = False

    @property
    def speaking(self) -> bool:
        """True if the person has begun to speak."""
        return self._begun

    @property
    def sounding(self) -> bool:
        """True if there is speech at this moment, be it too short yet to have begun with."""
        return self.endpointer.speech_seconds > 0

    @property
    def held(self) -> bool:
        """True if a hand holds the turn open."""
        return self._controls.state.held

    def expect(self) -> None:
        """It is known that what comes begins with this turn: the first frame belongs to it, and the first sound begins it."""
        self.endpointer.rules = replace(self.endpointer.rules, onset_seconds=CERTAIN_SECONDS)
        self._pre_roll_seconds = math.inf

    def hear(self, frame: Frame, *, earlier: bool = False) -> TurnState:
        """Take `frame`, of any length, into account. What was heard `earlier` counts though the microphone be muted now."""
        for chunk in self._chunks.cut(frame):
            if self._hear(chunk, earlier=earlier).done:
                break
        return self.endpointer.turn

    def finish(self, turn: TurnState = TurnState.SILENCE) -> Frame:
        """The turn has ended, as it had by itself, else as `turn` says: all of it with its pre-roll, empty if nobody spoke."""
        if not self._finished:
            self._finished = True
            self.endpointer.end(turn)
            # Whoever has made a text at the pause would have to make it again. What is held may be too quiet to be noticed.
            self.outlet.end(silence=self._was_held or not self.reading)
        return join(self.kept if self._begun else [], RATE)

    async def close(self) -> None:
        """Cancel a pending turn-model prediction."""
        await self._ear.close()

    def _hear(self, frame: Frame, *, earlier: bool) -> TurnState:
        controls = self._controls.state
        if self._controls.sending:
            self.endpointer.end(TurnState.SENT)
        if self.endpointer.turn.done:
            return self.endpointer.turn
        if controls.muted and not (controls.held or earlier):
            return self.endpointer.feed(is_speech=False, seconds=frame.seconds)
        if controls.held and not self._begun:
            # Exactly what is said while it is held.
            self.kept.clear()
            self.endpointer.begin()
        return self._take(frame, held=controls.held)

    def _take(self, frame: Frame, *, held: bool) -> TurnState:
        self._was_held = self._was_held or held
        is_speech = self._vad.is_speech(frame)
        before, turn = self.endpointer.turn, self.endpointer.feed(is_speech, frame.seconds, held=held)
        self.kept.append(frame)
        if before is TurnState.PAUSED and turn is TurnState.SPEAKING:
            self.outlet.go_on()
            self._ear.forget()
        if self._begun:
            self._pass_on(frame, is_speech=is_speech)
        elif turn not in (TurnState.WAITING, TurnState.NO_SPEECH):
            self._begun = True
            for earlier in self.kept:
                self._pass_on(earlier, is_speech=is_speech)
        elif sum(kept.seconds for kept in self.kept) > self._pre_roll_seconds:
            del self.kept[0]
        tail = self._tail.ended(frame, is_speech=is_speech, paused=before is turn is TurnState.PAUSED)
        if tail:
            # Not enough to go on, but the end of the last word.
            self.outlet.go_on()
        if tail or (before is not TurnState.PAUSED and turn is TurnState.PAUSED):
            self._pause()
        return turn

    def _pause(self) -> None:
        self.outlet.pause()
        hearing = self._ear.ask(join(self.kept[-round(SECONDS / self._vad.frame_seconds) :], RATE))
        self.endpointer.weigh(reading=self.reading, hearing=hearing)

    def _pass_on(self, frame: Frame, *, is_speech: bool) -> None:
        self.outlet.put(frame, is_speech=is_speech)
        self._recording.write(frame)
