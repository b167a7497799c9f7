"""Several LiveKit servers that share a Redis, as docs/livekit.md tells: people who came to different nodes meet."""

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.agents import free_ports
from tests.support.livekit_server import LiveKitServer
from tests.support.paths import REPOSITORY
from voicemode.audio.cues import listening_cue
from voicemode.transports.livekit.access import person_token

if TYPE_CHECKING:
    from livekit import rtc

DOCUMENT = (REPOSITORY / "docs/livekit.md").read_text(encoding="utf-8")
NODE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docs/livekit-node.yaml").read_text(encoding="utf-8"))
WAIT_SECONDS = 20.0
RATE = 48_000
LOUD = 1000


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis with the user that the document makes; its address."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server: apt-get install redis-server")
    users = re.findall(r"^    (user .+)$", DOCUMENT, re.MULTILINE)
    (port,) = free_ports(1)
    folder.mkdir()
    config = folder / "redis.conf"
    config.write_text("\n".join([*users, "bind 127.0.0.1", f"port {port}", 'save ""', f"dir {folder}", ""]))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, str(config)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while b"Ready to accept connections" not in (folder / "log").read_bytes():
            assert time.monotonic() < deadline, (folder / "log").read_text()
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.02)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def node(folder: Path, address: str, access: LiveKitServer | None = None) -> LiveKitServer:
    """One with the configuration of the document, and the key of `access`; only what must differ on one machine does."""
    server = LiveKitServer(folder)
    if access:
        server = replace(server, key=access.key, secret=access.secret)
    (tcp_port,) = free_ports(1)
    loopback = {"node_ip": "127.0.0.1", "enable_loopback_candidate": True, "ips": {"includes": ["127.0.0.1/32"]}}
    rtc = NODE["rtc"] | loopback | {"tcp_port": tcp_port, "udp_port": server.ports[1]}
    here = {"port": server.ports[0], "key_file": str(folder / "keys.yaml"), "redis": NODE["redis"] | {"address": address}}
    return replace(server, config=yaml.safe_dump(NODE | here | {"rtc": rtc}))


@asynccontextmanager
async def visit(server: LiveKitServer, name: str) -> "AsyncIterator[rtc.Room]":
    from livekit import rtc

    room = rtc.Room()
    await room.connect(server.url, person_token(server.access, "kitchen", name, name))
    try:
        yield room
    finally:
        await room.disconnect()


async def sings(room: "rtc.Room") -> None:
    """Make sounds until cancelled."""
    from livekit import rtc

    source, cue = rtc.AudioSource(RATE, 1), listening_cue(RATE)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))
    while True:
        await source.capture_frame(rtc.AudioFrame(cue.pcm, RATE, 1, len(cue.pcm) // 2))


async def hears(room: "rtc.Room") -> None:
    """Return once somebody else is heard."""
    from livekit import rtc

    stream = rtc.AudioStream(await told(room, "track_subscribed"), sample_rate=RATE, num_channels=1)
    try:
        async for event in stream:
            if max(event.frame.data) > LOUD:
                return
    finally:
        await stream.aclose()


@pytest.mark.anyio
async def test_people_who_came_to_different_nodes_hear_each_other(tmp_path: Path) -> None:
    pytest.importorskip("livekit.rtc")
    with (
        redis(tmp_path / "redis") as address,
        node(tmp_path / "one", address) as one,
        node(tmp_path / "two", address, one) as two,
    ):
        async with asyncio.timeout(WAIT_SECONDS), visit(one, "anna") as anna, visit(two, "ben") as ben:
            assert [*anna.remote_participants] == ["ben"] or await told(anna, "participant_connected")
            assert [*ben.remote_participants] == ["anna"]
            written = asyncio.create_task(told(ben, "data_received"))
            hearing = [asyncio.create_task(hears(room)) for room in (anna, ben)]
            await asyncio.sleep(0)
            await anna.local_participant.publish_data(b"Dinner!")
            assert (await written).data == b"Dinner!"
            singing = [asyncio.create_task(sings(room)) for room in (anna, ben)]
            await asyncio.gather(*hearing)
            for task in singing:
                task.cancel()
        assert one.secret not in one.log + two.log


async def told(room: "rtc.Room", event: Any) -> Any:
    """What comes with the next event of that name."""
    happened = asyncio.Queue[Any]()
    room.once(event, lambda *what: happened.put_nowait(what[0]))
    return await happened.get()
