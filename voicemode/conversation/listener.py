"""One person, heard through one microphone while it is open, both while the agent speaks and while it listens."""

import asyncio
import math
from collections.abc import Callable

from voicemode.audio.frames import Frame, closing
from voicemode.audio.turns.barge_in import InterruptionState
from voicemode.audio.turns.endpointer import TurnState
from voicemode.conversation.interruption import Interruption
from voicemode.conversation.utterance import ListenContext, Utterance, Utterances
from voicemode.errors import AudioDeviceError
from voicemode.transports.base import Microphone

DEAD_SECONDS = 0.5
"""Seconds of digital zeros after which a microphone is muted or not permitted: real ones always hiss."""


class Pulse:
    """Detects a microphone that delivers only digital zeros."""

    def __init__(self) -> None:
        self.dead = True
        """True until a frame holds anything but zeros."""
        self._zeros_seconds = 0.0

    def stopped(self, frame: Frame) -> bool:
        """Process `frame`. Return True once, when zeros have lasted for `DEAD_SECONDS`."""
        if not self.dead or frame.pcm.strip(b"\0"):
            self.dead = False
            return False
        before = self._zeros_seconds
        self._zeros_seconds += frame.seconds
        return before < DEAD_SECONDS <= self._zeros_seconds


class Listener:
    """One microphone. Only `run` awaits anything: every frame is processed at once."""

    def __init__(
        self, microphone: Microphone, context: ListenContext, utterances: Utterances, changed: Callable[[], None]
    ) -> None:
        """`changed` is called after every change that can affect the turn."""
        self.speaker = microphone.speaker
        self.context = context
        """Context of the next utterance."""
        self.heard_at = -math.inf
        """Time of the last frame, by the loop's clock."""
        self.interruption: Interruption | None = None
        """Barge-in, while the agent speaks."""
        self.tired = False
        """True if the wait for the person's speech has timed out."""
        self.gone = False
        """True if the person has left."""
        self.failure: AudioDeviceError | None = None
        self.dead = False
        """True if the microphone had delivered only digital zeros when the wait timed out."""
        self._pulse = Pulse()
        self._frames = microphone.frames
        self._utterances = utterances
        self._changed = changed
        self._utterance: Utterance | None = None
        self._resting = False

    @property
    def busy(self) -> bool:
        """True if the person speaks, or begins to, while the agent listens."""
        return self._utterance is not None and self._utterance.busy

    async def run(self) -> None:
        """Process frames until the person leaves."""
        try:
            async with closing(self._frames) as frames:
                async for frame in frames:
                    if self._pulse.stopped(frame):
                        self.context.status.dead()
                    self.heard_at = asyncio.get_running_loop().time()
                    self._hear(frame)
        except AudioDeviceError as error:
            self.failure = error
        finally:
            self._leave()

    def overhear(self, interruption: Interruption) -> None:
        """Begin to detect barge-in: the agent speaks from now on."""
        self.finish()
        if self.interruption is not None:
            self.interruption.close()
        self.interruption = interruption

    def listen(self) -> None:
        """Begin to listen. A person who is talking over the agent is heard from their first sound on."""
        interruption, self.interruption = self.interruption, None
        self.tired = self._resting = False
        if interruption is not None:
            interruption.close()
            self._take_up(interruption)
        elif self._utterance is not None and not self.busy:
            self._begin_anew(self._utterance)
        if self.gone:
            self.finish()

    def rest(self) -> None:
        """Ignore frames until the agent speaks or listens again."""
        self.finish()
        self._resting = True

    def finish(self, turn: TurnState = TurnState.SILENCE) -> None:
        """End the current utterance."""
        utterance, self._utterance = self._utterance, None
        if utterance is not None:
            utterance.finish(turn)
            if not utterance.begun:
                self._utterances.drop(utterance)

    def _hear(self, frame: Frame) -> None:
        if self.interruption is not None:
            self.interruption.hear(frame)
        elif not self._resting:
            self._listen(frame)

    def _listen(self, frame: Frame, *, earlier: bool = False) -> None:
        utterance = self._utterance = self._utterance or self._new()
        was_busy, had_begun, complete = utterance.busy, utterance.begun, utterance.hear(frame, earlier=earlier)
        if utterance.begun and not had_begun:
            self._utterances.began(utterance)
        if complete:
            if not utterance.begun:
                self.tired, self.dead = True, self._pulse.dead
            self.finish()
        if complete or utterance.busy is not was_busy:
            self._changed()

    def _take_up(self, interruption: Interruption) -> None:
        certain, kept = interruption.call is not InterruptionState.MAYBE, interruption.kept
        if kept:
            utterance = self._utterance = self._new(over_us=True)
            if certain:
                utterance.expect()
        for frame in kept:
            self._listen(frame, earlier=True)
        if kept and certain and not utterance.begun:
            # The barge-in detector heard speech, and the utterance's detector did not.
            utterance.begin()

    def _begin_anew(self, utterance: Utterance) -> None:
        """Replace `utterance`, which has not begun, with one in the current context, and keep its pre-roll."""
        self.finish()
        self._utterance = self._new()
        self._utterance.follow(utterance)

    def _new(self, *, over_us: bool = False) -> Utterance:
        return self._utterances.new(self.context, self.speaker, over_us=over_us)

    def _leave(self) -> None:
        self.gone = True
        if self.interruption is None:
            self.finish()
        elif self.interruption.kept:
            self.interruption.take()
        self._changed()
