"""`voicemode doctor --echo`: measure the echo of our voice on this machine, and advise on VOICEMODE_BARGE_IN."""

import asyncio
import math
import time
from dataclasses import dataclass, field

from voicemode.app import App
from voicemode.audio.echo.canceller import available
from voicemode.audio.echo.path import LEAD_SECONDS, RATE, Advice, EchoPath, advise, find_echo, sweep
from voicemode.audio.frames import Frame, Frames, join, stream
from voicemode.conversation.status import DEAD_MICROPHONE
from voicemode.errors import AudioDeviceError
from voicemode.progress import Progress
from voicemode.tasks import alongside
from voicemode.transports.base import Transport, one
from voicemode.transports.local import LocalTransport

TAIL_SECONDS = 0.8
"""Seconds to keep listening after the sweep: Bluetooth delays audio by up to half a second."""


@dataclass(frozen=True, slots=True)
class Measured:
    path: EchoPath
    delay_seconds: float
    """Seconds from handing audio to the speaker until the microphone delivers its echo; 0 without an echo."""
    advice: Advice
    barge_in: str
    """Current value of VOICEMODE_BARGE_IN."""


async def measure(app: App) -> Measured:
    """Play a sweep, and look for its echo in the microphone's audio. Raises AudioDeviceError."""
    app.report(Progress("playing", "a sweep"))
    # The transport of conversations removes the echo.
    path, delay_seconds = await sounded(LocalTransport.plain(app.settings))
    advice = advise(path, delay_seconds, canceller=available())
    return Measured(path, delay_seconds, advice, app.settings.barge_in)


@dataclass(slots=True)
class CapturedSound:
    """Audio captured from a microphone, and its time."""

    frames: list[Frame] = field(default_factory=list)
    seconds: float = 0.0
    began_at: float = math.inf
    """`time.monotonic()` at which the first sample would have arrived without any delay."""
    until_seconds: float = math.inf

    async def listen(self, mic: Frames) -> None:
        async for frame in mic:
            self.frames.append(frame)
            self.seconds += frame.seconds
            self.began_at = min(self.began_at, time.monotonic() - self.seconds)
            if self.seconds >= self.until_seconds:
                return


async def sounded(transport: Transport) -> tuple[EchoPath, float]:
    """Return the echo path, and its delay in seconds."""
    listener = CapturedSound()
    async with one(transport) as mic, alongside(listener.listen(mic)):
        played = await transport.play(stream(sweep()))
        listener.until_seconds = listener.seconds + TAIL_SECONDS
    heard = join(listener.frames, RATE)
    if not heard.pcm.strip(b"\0"):
        raise AudioDeviceError(DEAD_MICROPHONE)
    path = await asyncio.to_thread(find_echo, heard)
    if path.level_db is None or played.started_at is None:
        return path, 0.0
    return path, listener.began_at + path.begins_seconds - (played.started_at + LEAD_SECONDS)


def show(measured: Measured) -> str:
    path, advice = measured.path, measured.advice
    if path.level_db is None:
        lines = [f"No echo above {path.floor_db:.0f} dB."]
    else:
        lines = [f"Echo: {path.level_db:.0f} dB, after {measured.delay_seconds * 1000:.0f} ms."]
    lines.append(advice.reason)
    if advice.mode == measured.barge_in:
        return "\n".join([*lines, f"VOICEMODE_BARGE_IN is {advice.mode}: that suits."])
    return "\n".join(
        [*lines, f"VOICEMODE_BARGE_IN is {measured.barge_in}; to change it: voicemode config set barge_in {advice.mode}"]
    )
