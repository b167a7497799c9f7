"""Quiet ends of words, which a VAD takes for silence: the last sound of "sentence", 0.25 s after the previous one."""

from voicemode.audio.frames import Frame, samples_of

ROOM_TIMES = 3.0
"""A sound is at least this many times louder than the room noise."""
SPEECH_SHARE = 0.04
"""Least loudness of a sound relative to speech; a breath or a rustle is quieter."""
LEAST = 8.0
"""Lowest level of room noise, of 32767: digital silence is no room."""
SOUND_FRAMES = 2
"""Frames in the shortest sound; anything shorter is a click."""


class Tail:
    """Detector of quiet word ends, by the loudness of one turn."""

    def __init__(self) -> None:
        self._room = 32767.0
        self._speech = 0.0
        self._sounding = 0

    def ended(self, frame: Frame, *, is_speech: bool, paused: bool) -> bool:
        """Return True if `frame` is the first after a sound within a pause that the VAD did not take for speech."""
        samples = samples_of(frame.pcm)
        level = sum(map(abs, samples)) / len(samples)
        if is_speech:
            self._speech += (level - self._speech) / 8
        else:
            self._room = min(self._room, max(level, LEAST))
        sound = paused and not is_speech and level > max(ROOM_TIMES * self._room, SPEECH_SHARE * self._speech)
        before, self._sounding = self._sounding, self._sounding + 1 if sound else 0
        return paused and not is_speech and not sound and before >= SOUND_FRAMES
