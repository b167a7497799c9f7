"""Audio of one turn, from before its first sound on: kept, written to disk, and passed on to be transcribed."""

import math

from voicemode.audio.frames import PAUSE, Frame, join
from voicemode.audio.queue import FrameQueue
from voicemode.audio.vad import RATE
from voicemode.conversation.recording import Recording


class Recorder:
    """Keeps a pre-roll until the turn begins, and everything from then on."""

    def __init__(self, recording: Recording, pre_roll_seconds: float) -> None:
        self.queue = FrameQueue()
        """The turn with its pauses marked; a pause's silence follows, in one frame, if more is said."""
        self.kept: list[Frame] = []
        """The turn so far, or what would belong to it if it began now."""
        self.begun = False
        self._recording = recording
        self._pre_roll_seconds = pre_roll_seconds
        self._withheld: list[Frame] = []
        """Silence of the pause that goes on."""
        self._paused = self._sound = self._finished = False

    def keep_all(self) -> None:
        """Let the turn begin with the next frame, however long it takes to notice."""
        self._pre_roll_seconds = math.inf

    def keep(self, frame: Frame, *, begun: bool, is_speech: bool) -> None:
        """Keep `frame`; once the turn has `begun`, write it and pass it on, with the pre-roll before it."""
        self.kept.append(frame)
        if begun:
            fresh, self.begun = [frame] if self.begun else self.kept, True
            for each in fresh:
                self._pass_on(each, is_speech=is_speech)
        elif sum(kept.seconds for kept in self.kept) > self._pre_roll_seconds:
            del self.kept[0]

    def pause(self) -> None:
        """Mark a pause."""
        self._paused = True
        self.queue.put(PAUSE)

    def resume(self) -> None:
        """End the pause: more is said."""
        if self._withheld:
            self.queue.put(join(self._withheld, RATE))
        self._withheld.clear()
        self._paused = self._sound = False

    def finish(self, *, silence: bool) -> Frame:
        """Return the turn with its pre-roll, empty if nobody spoke.

        The `silence` of the last pause is passed on if it is wanted, or holds a sound, which may yet be a word.
        """
        if not self._finished:
            self._finished = True
            if silence or self._sound:
                self.resume()
            self.queue.end()
        return join(self.kept if self.begun else [], RATE)

    def _pass_on(self, frame: Frame, *, is_speech: bool) -> None:
        if self._paused:
            self._withheld.append(frame)
            self._sound = self._sound or is_speech
        else:
            self.queue.put(frame)
        self._recording.write(frame)
