"""Rooms over a network that loses packets, delays them, and is cut. A person in a network namespace of their own."""

import asyncio
import sys
import time
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.bad_network import BadNetwork
from tests.support.engines import Whisper
from tests.support.livekit_server import LiveKitServer
from tests.support.paths import RECORDINGS, REPOSITORY
from tests.support.people import CLIPS
from tests.support.tables import RULES, Speech, table
from tests.support.wer import wer
from voicemode.audio.frames import Frame, join
from voicemode.audio.vad import RATE
from voicemode.audio.wav import read_wav
from voicemode.transports.base import one
from voicemode.transports.livekit.access import Access, person_token

pytestmark = pytest.mark.anyio

LOSS, DELAY_SECONDS, JITTER_SECONDS = 0.05, 0.2, 0.03
CUT_SECONDS = 6.0
RECOVERY_SECONDS = 5.0
LOUD = 500


class FarGuest:
    """Anna, a process elsewhere, who says what she is told to."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def say(self, clip: str) -> None:
        """Return when all of it was sent."""
        assert self._process.stdin
        self._process.stdin.write(f"{RECORDINGS / clip}\n".encode())
        await self.told()

    async def told(self) -> None:
        assert self._process.stdout
        assert await asyncio.wait_for(self._process.stdout.readline(), 60), "the guest has gone"


@asynccontextmanager
async def far_guest(network: BadNetwork, access: Access, room: str) -> AsyncIterator[FarGuest]:
    command = [
        *network.inside,
        sys.executable,
        "-m",
        "tests.support.guests",
        access.url,
        person_token(access, room, "anna-1", "Anna"),
    ]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=REPOSITORY)
    try:
        anna = FarGuest(process)
        await anna.told()
        yield anna
    finally:
        process.kill()
        await process.wait()


@pytest.fixture(scope="module")
def network() -> Iterator[BadNetwork]:
    with BadNetwork() as network:
        yield network


@pytest.fixture(scope="module")
def near(network: BadNetwork, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """A server on our side: the person's network is the bad one."""
    with LiveKitServer(tmp_path_factory.mktemp("near"), signalling=network.here, media=network.here) as server:
        yield server.access


@pytest.fixture(scope="module")
def far(network: BadNetwork, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """A server on the person's side: ours is the bad one."""
    folder = tmp_path_factory.mktemp("far")
    with LiveKitServer(folder, signalling=network.there, media=network.there, inside=network.inside) as server:
        yield server.access


@pytest.fixture(autouse=True)
def good_at_first(network: BadNetwork) -> None:
    network.loss = network.delay_seconds = network.jitter_seconds = 0.0
    network.cut = False


@pytest.mark.engine
async def test_lost_and_late_packets_cost_hardly_a_word(
    network: BadNetwork, near: Access, whisper: Whisper, tmp_path: Path
) -> None:
    engine, listening = whisper("base"), asyncio.Event()
    clips = dict(list(CLIPS.items())[1:])
    async with far_guest(network, near, "hall") as anna, table(near, "hall", tmp_path, engine) as us:
        patient = replace(RULES, silence_seconds=2.5)
        asking = asyncio.create_task(
            us.ask(rules=patient, on_stage=lambda stage: listening.set() if stage == "listening" else None)
        )
        await asyncio.wait_for(listening.wait(), 10)
        network.loss, network.delay_seconds, network.jitter_seconds = LOSS, DELAY_SECONDS, JITTER_SECONDS
        for clip in clips:
            await anna.say(clip)
        _, heard = await asyncio.wait_for(asking, 60)
    said = " ".join(clips.values())
    clean = await Speech(engine).transcribe(join([read_wav(RECORDINGS / clip) for clip in clips], RATE))
    assert wer(said, heard.text) <= wer(said, clean.text) + 0.03, heard.text


@pytest.mark.parametrize("side", ["theirs", "ours"])
async def test_after_a_cut_we_hear_again_within_seconds_and_no_time_has_passed(
    network: BadNetwork, request: pytest.FixtureRequest, side: str, tmp_path: Path
) -> None:
    access = request.getfixturevalue("near" if side == "theirs" else "far")
    async with far_guest(network, access, side) as anna, table(access, side, tmp_path) as us, one(us.transport) as frames:
        talking = asyncio.create_task(talk(anna))
        heard = Loud(frames)
        listening = asyncio.create_task(heard.run())
        await heard.sound(10)
        network.cut = True
        before = heard.seconds
        await asyncio.sleep(CUT_SECONDS)
        passed = heard.seconds - before
        network.cut = False
        restored_at = time.monotonic()
        await heard.sound(RECOVERY_SECONDS)
        assert time.monotonic() - restored_at < RECOVERY_SECONDS
        # Of the time until the loss is noticed, but not of the cut.
        assert passed < 2.5
        for task in (talking, listening):
            task.cancel()
        await asyncio.wait([talking, listening])


class Loud:
    """What is heard of somebody who talks all the time."""

    def __init__(self, frames: AsyncIterator[Frame]) -> None:
        self.seconds = 0.0
        """Of audio, loud or not."""
        self._frames = frames
        self._loud = asyncio.Event()

    async def run(self) -> None:
        async for frame in self._frames:
            self.seconds += frame.seconds
            if max(map(abs, array("h", frame.pcm))) > LOUD:
                self._loud.set()

    async def sound(self, seconds: float) -> None:
        """Wait for the next that is loud. Raises TimeoutError."""
        self._loud.clear()
        await asyncio.wait_for(self._loud.wait(), seconds)


async def talk(anna: FarGuest) -> None:
    while True:
        await anna.say("austen-0930.wav")
