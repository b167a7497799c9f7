"""Talking in LiveKit rooms: VoiceMode as an MCP server, a real LiveKit server and LiveKit's own client, all on loopback."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from statistics import median

import psutil
import pytest
from mcp.client import Client

from bench import turn
from bench.figures import Figure
from bench.lab import Lab
from bench.programs.speech_service import STT_SECONDS, TTS_SECONDS
from tests.support.guests import Guest, guest
from tests.support.livekit_server import LiveKitServer
from tests.support.mcp_client import Progress, connect, text
from voicemode.audio.frames import Frame
from voicemode.transports.livekit.access import person_token

ROOMS = 10
OUR_VOICE_SECONDS = 3.0
BETWEEN_SECONDS = 1.0
SETTLED_SECONDS = 3.0
"""Seconds to wait after joining: at first both sides still estimate the network."""
IDLE_SECONDS = 75.0
"""Longer than voice and microphones stay open after a turn."""
WATCHED_SECONDS = 30.0
LIMIT_SECONDS = 60.0
RATE = 48_000


@dataclass(frozen=True, slots=True)
class Exchange:
    first_sound_seconds: float
    """Seconds from the call to the first audio at the other participant, without the engine's delay."""
    result_seconds: float
    """Seconds from the last audio sent to the result."""


@contextmanager
def server(lab: Lab) -> Iterator[LiveKitServer]:
    """Yield a LiveKit server. Raises SystemExit, which says what is missing."""
    try:
        with LiveKitServer(lab.home / "livekit") as livekit:
            yield livekit
    except pytest.skip.Exception as reason:
        raise SystemExit(str(reason)) from reason


def environ(lab: Lab, livekit: LiveKitServer, url: str, room: str) -> dict[str, str]:
    """Return the environment of a VoiceMode in `room`, with speech services at `url`."""
    return lab.environ(
        VOICEMODE_TTS_BASE_URLS=url,
        VOICEMODE_STT_BASE_URLS=url,
        VOICEMODE_AUTO_START="false",
        VOICEMODE_TRANSPORT="livekit",
        VOICEMODE_LIVEKIT_ROOM=room,
        LIVEKIT_URL=livekit.url,
        LIVEKIT_API_KEY=livekit.key,
        LIVEKIT_API_SECRET=livekit.secret,
    )


def somebody(livekit: LiveKitServer, room: str) -> tuple[str, str]:
    """Return the URL and token for a person in `room`."""
    return livekit.url, person_token(livekit.access, room, f"person-{room}", "Person")


async def exchange(agent: Client, person: Guest, clip: Frame) -> Exchange:
    """Run one turn: the agent asks, and the person answers as soon as VoiceMode listens."""
    progress = Progress()
    # By then the tone that ends the previous turn has been heard.
    await asyncio.sleep(BETWEEN_SECONDS)
    person.loud_at.clear()
    called_at = time.monotonic()
    asked = agent.call_tool("converse", {"message": "Well?"}, progress_callback=progress, read_timeout_seconds=LIMIT_SECONDS)
    call = asyncio.create_task(asked)
    await progress.reached("listening", seconds=LIMIT_SECONDS)
    await person.say(clip)
    tail = clip.seconds - turn.speech_seconds(clip)
    ended_at = time.monotonic() - tail
    result = await call
    answered_at = time.monotonic()
    if result.is_error:
        raise RuntimeError(text(result))
    return Exchange(person.loud_at[0] - called_at - TTS_SECONDS, answered_at - ended_at)


async def exchanges(lab: Lab, livekit: LiveKitServer) -> list[Exchange]:
    """Run turns; leave out the first, which joins the room."""
    url = lab.speech_service(1.0)
    async with guest(*somebody(livekit, "hall")) as person, connect(environ(lab, livekit, url, "hall")) as agent:
        clips = itertools.islice(itertools.cycle(turn.endings()), lab.runs + 1)
        return [await exchange(agent, person, clip) for clip in clips][1:]


@dataclass(frozen=True, slots=True)
class House:
    """Results with many rooms at once."""

    concealed_seconds: list[float]
    """Seconds of our voice that the receiver had to conceal, in each room."""
    idle_percent: list[float]
    """Load of each agent's process during silence, in percent of one processor."""


async def house(lab: Lab, livekit: LiveKitServer) -> House:
    url = lab.speech_service(OUR_VOICE_SECONDS)
    async with AsyncExitStack() as stack:
        rooms = [f"room-{number}" for number in range(ROOMS)]
        people = [await stack.enter_async_context(guest(*somebody(livekit, room), hearing=False)) for room in rooms]
        agents = [await stack.enter_async_context(connect(environ(lab, livekit, url, room))) for room in rooms]
        # Processes of other measurements may have ended without being waited for.
        living = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
        processes = [child for child in living if child.cmdline()[-2:] == ["-m", "voicemode"]]
        await asyncio.gather(*map(say, agents))
        await asyncio.sleep(SETTLED_SECONDS)
        before = [await concealed(person) for person in people]
        await asyncio.gather(*map(say, agents))
        after = [await concealed(person) for person in people]
        await asyncio.sleep(IDLE_SECONDS)
        begun = [spent(process) for process in processes]
        await asyncio.sleep(WATCHED_SECONDS)
        used = [spent(process) - at for process, at in zip(processes, begun, strict=True)]
    return House([b - a for a, b in zip(before, after, strict=True)], [100 * each / WATCHED_SECONDS for each in used])


async def say(agent: Client) -> None:
    result = await agent.call_tool(
        "converse", {"message": "Well?", "wait_for_response": False}, read_timeout_seconds=LIMIT_SECONDS
    )
    if result.is_error:
        raise RuntimeError(text(result))


async def concealed(person: Guest) -> float:
    """Return the seconds of audio concealed so far, without silence."""
    tracks = [publication.track for who in person.agents for publication in who.track_publications.values()]
    stats = [each for track in tracks if track for each in await track.get_stats() if each.HasField("inbound_rtp")]
    inbound = [each.inbound_rtp.inbound for each in stats]
    return sum(each.concealed_samples - each.silent_concealed_samples for each in inbound) / RATE


def spent(process: psutil.Process) -> float:
    """Return the seconds of processor time used so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(lab: Lab) -> list[Figure]:
    card = median(each.answered_at - each.speech_ended_at for each in asyncio.run(turn.turns(lab)))
    with server(lab) as livekit:
        seen = asyncio.run(exchanges(lab, livekit))
        many = asyncio.run(house(lab, livekit))
    return [
        Figure(
            name="room: call → first sound at a participant, less the engine's time",
            values=tuple(each.first_sound_seconds for each in seen),
            at_most=0.25,
        ),
        Figure(
            name=f"room: speech ends → result, with an STT that takes {STT_SECONDS:g} s, more than with the sound card",
            values=tuple(each.result_seconds - card for each in seen),
            at_most=0.15,
        ),
        Figure(
            name=f"{ROOMS} rooms at once: made up of {OUR_VOICE_SECONDS:g} s of our voice, each room",
            values=tuple(many.concealed_seconds),
            at_most=0.0,
        ),
        Figure(name=f"{ROOMS} rooms: processor for each agent, idle", values=tuple(many.idle_percent), unit="%", at_most=2.0),
    ]
