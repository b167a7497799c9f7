"""One person, heard through one microphone for as long as it is open: while we speak, and while we listen."""

from typing import Protocol

from voicemode.audio.frames import Frame, closing
from voicemode.audio.turns.barge_in import InterruptionState
from voicemode.audio.turns.endpointer import TurnState
from voicemode.conversation.interruption import Interruption
from voicemode.conversation.recorder import Pulse
from voicemode.conversation.utterance import Utterance
from voicemode.errors import AudioDeviceError
from voicemode.transports.base import Microphone


class Host(Protocol):
    """Interface a Listener needs from its owner."""

    def interruption(self) -> Interruption:
        """Return a new Interruption, for while we speak."""

    def utterance(self, speaker: str, *, over_us: bool = False) -> Utterance:
        """Return a new Utterance of `speaker`."""

    async def heard_nothing(self) -> None:
        """A microphone delivers only digital silence."""

    def frame_came(self) -> None:
        """A microphone is alive."""

    def began(self, utterance: Utterance) -> None:
        """Somebody has begun to speak."""

    def dropped(self, utterance: Utterance) -> None:
        """Nothing was said in it."""

    def changed(self) -> None:
        """Look again: something was said that may matter now."""


class Listener:
    """One microphone. Only `run` waits for anything: what is heard is dealt with at once, frame by frame."""

    def __init__(self, microphone: Microphone, host: Host) -> None:
        self.speaker = microphone.speaker
        self.interruption: Interruption | None = None
        """While we speak."""
        self.tired = False
        """They were waited for in vain."""
        self.gone = False
        """They have left."""
        self.failure: AudioDeviceError | None = None
        self.dead = False
        """Their microphone has delivered only digital silence meanwhile."""
        self._pulse = Pulse()
        self._frames = microphone.frames
        self._host = host
        self._utterance: Utterance | None = None

    @property
    def busy(self) -> bool:
        """True if they speak, or begin to, while we listen."""
        return self._utterance is not None and self._utterance.busy

    async def run(self) -> None:
        """Hear all that comes, until they leave."""
        try:
            async with closing(self._frames) as frames:
                async for frame in frames:
                    if self._pulse.stopped(frame):
                        await self._host.heard_nothing()
                    self._host.frame_came()
                    self._hear(frame)
        except AudioDeviceError as error:
            self.failure = error
        finally:
            self._leave()

    def overhear(self) -> None:
        """From now on we speak."""
        self.finish()
        if self.interruption is not None:
            self.interruption.close()
        self.interruption = self._host.interruption()

    def listen(self) -> None:
        """From now on we listen. Who has begun to talk over us is heard from their first sound on."""
        interruption, self.interruption = self.interruption, None
        self.tired = False
        if interruption is not None:
            interruption.close()
            self._take_up(interruption)
        elif self._utterance is not None and not self.busy:
            self._begin_anew(self._utterance)
        if self.gone:
            self.finish()

    def finish(self, turn: TurnState = TurnState.SILENCE) -> None:
        """End the current utterance here."""
        utterance, self._utterance = self._utterance, None
        if utterance is not None:
            utterance.finish(turn)
            if not utterance.begun:
                self._host.dropped(utterance)

    def _hear(self, frame: Frame) -> None:
        if self.interruption is not None:
            self.interruption.hear(frame)
        else:
            self._listen(frame)

    def _listen(self, frame: Frame, *, earlier: bool = False) -> None:
        utterance = self._utterance = self._utterance or self._host.utterance(self.speaker)
        was_busy, had_begun, complete = utterance.busy, utterance.begun, utterance.hear(frame, earlier=earlier)
        if utterance.begun and not had_begun:
            self._host.began(utterance)
        if complete:
            if not utterance.begun:
                self.tired, self.dead = True, self._pulse.dead
            self.finish()
        if complete or utterance.busy is not was_busy:
            self._host.changed()

    def _take_up(self, interruption: Interruption) -> None:
        certain, kept = interruption.call is not InterruptionState.MAYBE, interruption.kept
        if kept:
            utterance = self._utterance = self._host.utterance(self.speaker, over_us=True)
            if certain:
                utterance.recorder.expect()
        for frame in kept:
            self._listen(frame, earlier=True)
        if kept and certain and not utterance.begun:
            # One detector has heard speech, and the other takes it for none.
            utterance.recorder.endpointer.begin()

    def _begin_anew(self, utterance: Utterance) -> None:
        """Who has not begun yet is waited for as it is wanted now."""
        self.finish()
        self._utterance = self._host.utterance(self.speaker)
        self._utterance.recorder.kept += utterance.recorder.kept

    def _leave(self) -> None:
        self.gone = True
        if self.interruption is None:
            self.finish()
        elif self.interruption.kept:
            self.interruption.take()
        self._host.changed()
