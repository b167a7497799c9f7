"""Successive turns through a real MCP client and a virtual sound card; the speech service has known delays."""

import asyncio
import itertools
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mcp.client import Client
from mcp.types import CallToolResult

from bench.figures import Figure
from bench.lab import Lab
from bench.programs.speech_service import STT_SECONDS, TTS_SECONDS
from tests.support.mcp_client import Progress, connect, text
from tests.support.paths import REPOSITORY
from tests.support.rig import CABLE, Recording, VirtualSound
from voicemode.audio.frames import SAMPLE_BYTES, Frame, samples_of
from voicemode.audio.wav import read_wav

OUR_VOICE_SECONDS = 1.0
ANSWER_SECONDS = 3.0
SETTLED_SECONDS = 0.5
"""Silence after which the previous turn is over: the tone that ends it plays on after the result."""
WINDOW_SECONDS = 0.01
QUIET = 0.03
"""Share of the loudest window below which audio is breath and room noise: 30 dB less."""
LIMIT_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Times of the events of a turn, in seconds of `time.monotonic()`."""

    called_at: float
    microphone_open_at: float
    first_sound_at: float
    speech_ended_at: float
    answered_at: float

    @property
    def our_voice_ended_at(self) -> float:
        return self.first_sound_at + OUR_VOICE_SECONDS


class Openings:
    """Times at which programs opened a microphone of the card, as its sound server reports to subscribers."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._times: list[float] = []
        self._thread = threading.Thread(target=self._read, name="bench-openings", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("Event 'new' on source-output"):
                self._times.append(time.monotonic())

    def first(self, after: float) -> float:
        """Return `time.monotonic()` of the first opening after `after`."""
        return next(at for at in list(self._times) if at > after)


@contextmanager
def openings(environ: dict[str, str]) -> Iterator[Openings]:
    """Watch the card that `environ` names. The first events come after a moment."""
    command = ["pactl", "subscribe"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=quiet, text=True) as process:
        yield Openings(process)
        process.terminate()


def endings() -> list[Frame]:
    """Return the last seconds of the tests' recordings: sentences fade in very different ways."""
    clips = [read_wav(path) for path in sorted((REPOSITORY / "tests/recordings").glob("*.wav"))]
    return [Frame(clip.pcm[-round(ANSWER_SECONDS * clip.rate) * SAMPLE_BYTES :], clip.rate) for clip in clips]


async def answer(agent: Client, sound: VirtualSound, clip: Frame) -> CallToolResult:
    """Run one turn: the agent asks, a person answers as soon as VoiceMode listens. Raises RuntimeError if the call fails."""
    progress = Progress()
    asked = agent.call_tool("converse", {"message": "Well?"}, progress_callback=progress, read_timeout_seconds=LIMIT_SECONDS)
    call = asyncio.create_task(asked)
    listening = asyncio.create_task(progress.reached("listening", seconds=LIMIT_SECONDS))
    await asyncio.wait([call, listening], return_when=asyncio.FIRST_COMPLETED)
    listening.cancel()
    if not call.done():
        sound.speak(clip)
    result = await call
    if result.is_error:
        raise RuntimeError(text(result))
    return result


async def settled(speaker: Recording) -> None:
    """Return after SETTLED_SECONDS without sound from the speaker."""
    quiet_at = time.monotonic() + SETTLED_SECONDS
    while (left_seconds := quiet_at - time.monotonic()) > 0:
        await asyncio.sleep(left_seconds)
        quiet_at = max(quiet_at, (speaker.last_sound_at() or 0.0) + SETTLED_SECONDS)


Watch = tuple[Recording, Recording, Openings]
"""Recordings of the speaker and of the microphone, and the openings of the microphone."""


async def observed(agent: Client, sound: VirtualSound, watch: Watch, clip: Frame) -> Turn:
    """Run a turn, and measure it from outside."""
    speaker, microphone, opened = watch
    await settled(speaker)
    called_at = time.monotonic()
    await answer(agent, sound, clip)
    answered_at = time.monotonic()
    first_sound_at, speech_began_at = speaker.first_sound_at(called_at), microphone.first_sound_at(called_at)
    if first_sound_at is None or speech_began_at is None:
        raise RuntimeError("Nothing was to be heard on the virtual sound card.")
    return Turn(
        called_at=called_at,
        microphone_open_at=opened.first(called_at),
        first_sound_at=first_sound_at,
        speech_ended_at=speech_began_at + speech_seconds(clip),
        answered_at=answered_at,
    )


def speech_seconds(clip: Frame) -> float:
    """Return the seconds from the first nonzero sample of `clip` to the end of its last loud window."""
    begin = (len(clip.pcm) - len(clip.pcm.lstrip(b"\0"))) / SAMPLE_BYTES / clip.rate
    samples, size = samples_of(clip.pcm), round(clip.rate * WINDOW_SECONDS)
    power = [sum(sample**2 for sample in samples[at : at + size]) for at in range(0, len(samples), size)]
    loud = max(index for index, each in enumerate(power) if each >= QUIET**2 * max(power))
    return (loud + 1) * size / clip.rate - begin


async def turns(lab: Lab) -> list[Turn]:
    """Run turns; leave out the first, which opens connections and imports modules."""
    environ = lab.talking_to(lab.speech_service(OUR_VOICE_SECONDS))
    with lab.sound.record() as speaker, lab.sound.record(CABLE) as microphone, openings(environ) as opened:
        async with connect(environ) as agent:
            watch = speaker, microphone, opened
            clips = itertools.islice(itertools.cycle(endings()), lab.runs + 1)
            return [await observed(agent, lab.sound, watch, clip) for clip in clips][1:]


def measure(lab: Lab) -> list[Figure]:
    seen = asyncio.run(turns(lab))
    gaps = [turn.microphone_open_at - turn.our_voice_ended_at for turn in seen]
    return [
        Figure(
            name="call → first sound on the speaker, less the engine's time",
            values=tuple(turn.first_sound_at - turn.called_at - TTS_SECONDS for turn in seen),
            incumbent="0.12 s",
            at_most=0.04,
        ),
        Figure(
            name="our voice ends → microphone open (0: already open)",
            values=tuple(max(0.0, gap) for gap in gaps),
            incumbent="0.94 s",
            at_most=0.0,
        ),
        Figure(
            name=f"speech ends → result, with an STT that takes {STT_SECONDS:g} s",
            values=tuple(turn.answered_at - turn.speech_ended_at for turn in seen),
            incumbent="1.83 s",
            at_most=1.35,
        ),
    ]
