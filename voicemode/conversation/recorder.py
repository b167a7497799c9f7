"""Audio of one turn, with its pre-roll: kept, written to disk, and queued for transcription."""

import math

from voicemode.audio.frames import PAUSE, Frame, join
from voicemode.audio.queue import FrameQueue
from voicemode.audio.vad import RATE
from voicemode.conversation.recording import Recording


class Recorder:
    """Keeps a pre-roll until the turn begins, and all frames from then on."""

    def __init__(self, recording: Recording, pre_roll_seconds: float) -> None:
        self.queue = FrameQueue()
        """Frames of the turn with pauses marked; the silence of a pause follows in one frame if speech resumes."""
        self.kept: list[Frame] = []
        """Frames of the turn so far, or its pre-roll before it begins."""
        self.begun = False
        self._recording = recording
        self._pre_roll_seconds = pre_roll_seconds
        self._withheld: list[Frame] = []
        """Silence of the current pause."""
        self._paused = self._sound = self._finished = False

    def keep_all(self) -> None:
        """Let the turn begin with the next frame, however late its onset is detected."""
        self._pre_roll_seconds = math.inf

    def keep(self, frame: Frame, *, begun: bool, is_speech: bool) -> None:
        """Keep `frame`; once the turn has `begun`, write and queue it, after the pre-roll."""
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
        """End the pause: speech resumes."""
        if self._withheld:
            self.queue.put(join(self._withheld, RATE))
        self._withheld.clear()
        self._paused = self._sound = False

    def finish(self, *, silence: bool) -> Frame:
        """Return the turn with its pre-roll, empty if nobody spoke.

        The silence of the last pause is queued if `silence` is set, or if it holds a sound that can be a word.
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
