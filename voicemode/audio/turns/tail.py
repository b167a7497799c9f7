"""Quiet ends of words, which a detector takes for silence: the last sound of "sentence", 0.25 s after the one before."""

from voicemode.audio.frames import Frame, samples_of

ROOM_TIMES = 3.0
"""So much louder than the room is a sound."""
SPEECH_SHARE = 0.04
"""So much of the loudness of speech; a breath or a rustle is quieter."""
LEAST = 8.0
"""Of 32767: a room without any noise is none."""
SOUND_FRAMES = 2
"""What is shorter is a click."""


class Tail:
    """Follows the loudness of a turn."""

    def __init__(self) -> None:
        self._room = 32767.0
        self._speech = 0.0
        self._sounding = 0

    def ended(self, frame: Frame, *, is_speech: bool, paused: bool) -> bool:
        """True if `frame` is the first after a sound that nobody took for speech, within a pause."""
        samples = samples_of(frame.pcm)
        level = sum(map(abs, samples)) / len(samples)
        if is_speech:
            self._speech += (level - self._speech) / 8
        else:
            self._room = min(self._room, max(level, LEAST))
        sound = paused and not is_speech and level > max(ROOM_TIMES * self._room, SPEECH_SHARE * self._speech)
        before, self._sounding = self._sounding, self._sounding + 1 if sound else 0
        return paused and not is_speech and not sound and before >= SOUND_FRAMES
