"""A laptop that talks and hears itself, and a person who talks over it, in virtual time.

The speaker's buffer, the canceller and the gate are the product's; devices, room and person are arithmetic.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bench.turn_taking.loudness import samples, sound
from voicemode.audio.echo.canceller import STEP_BYTES, Canceller
from voicemode.audio.frames import Frame
from voicemode.audio.turns.barge_in import CleanedFrame, InterruptionDetector, InterruptionState
from voicemode.audio.vad import RATE
from voicemode.conversation.interruption import VOLUMES
from voicemode.transports.base import Speaker
from voicemode.transports.speaker import OpenDevice, PlaybackBuffer

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAME_SECONDS = 0.02
"""Length of a microphone frame."""
SPEAKER_SECONDS = 0.06
"""Seconds of audio on their way to the speaker when our voice is stopped; part of the echo's delay."""
MICROPHONE_SECONDS = 0.02
"""Seconds from the mouth to the program, without the frame itself."""
ROOM_DB = -62.0
"""Level of the noise of a quiet room."""
REVERBERATION_SECONDS = 0.25
REVERBERATION_SHARE = 0.25
SLIP_EVERY = 7.0
FRAME = round(RATE * FRAME_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Laptop:
    """The echo path of a laptop."""

    echo_db: float = -6.0
    delay_seconds: float = 0.1
    """Seconds from the speaker's buffer to the microphone."""
    slip_seconds: float = 0.0
    """Extra delay in every other period of SLIP_EVERY, as from a stuttering sound card or from clock drift."""

    def response(self, at: float) -> "NDArray[np.float64]":
        """Return the impulse response at `at` seconds: the delayed click and the room's reverberation."""
        chance = np.random.default_rng(1)
        count = round(REVERBERATION_SECONDS * RATE)
        tail = chance.normal(0, 1, count) * 10 ** (-3 * np.arange(count) / count)
        tail *= REVERBERATION_SHARE / np.linalg.norm(tail)
        tail[0] = 1.0
        delay = self.delay_seconds + self.slip_seconds * (at // SLIP_EVERY % 2)
        delayed = np.concatenate([np.zeros(round(delay * RATE)), tail / np.linalg.norm(tail)])
        return delayed * 10 ** (self.echo_db / 20)


@dataclass(slots=True)
class Moment:
    """One frame of a scene."""

    ends: float
    """End of the frame, in seconds."""
    call: InterruptionState
    heard: list[CleanedFrame]


@dataclass(slots=True)
class Scene:
    """Our voice, `ours`, and a person's, `theirs` (of the same length, mostly silence); both at RATE."""

    laptop: Laptop
    canceller: Canceller
    gate: InterruptionDetector
    speaker: Speaker = field(default_factory=Speaker)

    def play(self, ours: Frame, theirs: Frame, *, yielding: bool = True) -> Iterator[Moment]:
        """Yield frame by frame; the caller can resume the gate. If not `yielding`, we speak on at full volume."""
        buffer = PlaybackBuffer(self.speaker)
        buffer.open(OpenDevice(RATE, SPEAKER_SECONDS))
        buffer.put(ours.pcm)
        buffer.end()
        near = self._near(theirs)
        air = np.zeros(FRAME + RATE)
        for start in range(0, len(near) - FRAME + 1, FRAME):
            taken = buffer.take(FRAME)
            echo = np.convolve(samples(Frame(taken, RATE)), self.laptop.response(start / RATE))
            air[: len(echo)] += echo
            heard = sound(air[:FRAME] + near[start : start + FRAME]).pcm
            air = np.concatenate([air[FRAME:], np.zeros(FRAME)])
            steps = [
                self._cleaned(taken[at : at + STEP_BYTES], heard[at : at + STEP_BYTES])
                for at in range(0, len(heard), STEP_BYTES)
            ]
            call = [self.gate.hear(step) for step in steps][-1]
            self.speaker.volume = VOLUMES.get(call, 0.0) if yielding else 1.0
            yield Moment((start + FRAME) / RATE, call, steps)

    def _near(self, theirs: Frame) -> "NDArray[np.float64]":
        late = np.zeros(round(MICROPHONE_SECONDS * RATE))
        voice = np.concatenate([late, samples(theirs)])
        return voice + np.random.default_rng(2).normal(0, 32768 * 10 ** (ROOM_DB / 20), len(voice))

    def _cleaned(self, taken: bytes, heard: bytes) -> CleanedFrame:
        return self.canceller.clean(Frame(heard, RATE), Frame(taken, RATE), self.laptop.delay_seconds)
