"""When a speaker's buffer sounds, waits and fades, at 1000 samples per second; and what slow devices do to a stream."""

import asyncio
import os
import signal
import threading
from array import array
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.agents import speaking_agent
from tests.support.endpoints import answers, endpoint
from tests.support.fakes import FakeSound, tone
from tests.support.mcp_client import COMMAND
from tests.support.paths import REPOSITORY
from tests.support.stuck_sound_card import STUCK
from voicemode.audio.frames import Frames, pcm_of, samples_of, stream
from voicemode.errors import AudioDeviceError
from voicemode.transports import local
from voicemode.transports.base import Speaker
from voicemode.transports.local import LocalTransport
from voicemode.transports.speaker import MAX_SECONDS, STALL_SECONDS, OpenDevice, PlaybackBuffer, faded

LEVEL = 1000


@pytest.fixture
def speaker() -> Speaker:
    return Speaker()


@pytest.fixture
def buffer(speaker: Speaker) -> PlaybackBuffer:
    buffer = PlaybackBuffer(speaker)
    buffer.open(OpenDevice(1000, 0.02))
    return buffer


def sound(samples: int) -> bytes:
    return pcm_of(array("h", [LEVEL] * samples))


def taken(buffer: PlaybackBuffer, samples: int) -> list[int]:
    return list(samples_of(buffer.take(samples)))


def test_it_waits_until_there_is_enough_to_survive_jitter(buffer: PlaybackBuffer, speaker: Speaker) -> None:
    buffer.put(sound(79))
    too_early = buffer.ready
    assert taken(buffer, 10) == [0] * 10
    assert speaker.played.started_at is None
    buffer.put(sound(1))
    assert (too_early, buffer.ready) == (False, True)
    assert taken(buffer, 10) == [LEVEL] * 10
    assert speaker.played.started_at is not None


def test_a_sound_shorter_than_the_reserve_is_played_when_it_has_ended(buffer: PlaybackBuffer, speaker: Speaker) -> None:
    buffer.put(sound(5))
    buffer.end()
    assert taken(buffer, 10) == [LEVEL] * 5 + [0] * 5
    assert buffer.empty
    assert speaker.played.seconds == pytest.approx(0.005)


def test_a_gap_fades_out_and_in_and_every_sample_is_played_once(buffer: PlaybackBuffer, speaker: Speaker) -> None:
    buffer.put(sound(100))
    before = taken(buffer, 60) + taken(buffer, 60)
    assert before[:95] == [LEVEL] * 95
    assert before[95:] == [800, 600, 400, 200, 0] + [0] * 20
    buffer.put(sound(50))
    assert taken(buffer, 10) == [0] * 10
    buffer.put(sound(50))
    assert taken(buffer, 10) == [0, 200, 400, 600, 800] + [LEVEL] * 5
    buffer.end()
    taken(buffer, 200)
    assert speaker.played.seconds == pytest.approx(0.2)


def test_cutting_ends_softly_and_forgets_the_rest(buffer: PlaybackBuffer, speaker: Speaker) -> None:
    buffer.put(sound(500))
    taken(buffer, 10)
    buffer.cut()
    assert taken(buffer, 10) == [800, 600, 400, 200, 0] + [0] * 5
    assert taken(buffer, 10) == [0] * 10
    assert speaker.played.seconds == pytest.approx(0.015)


def test_a_volume_is_reached_without_a_click(buffer: PlaybackBuffer, speaker: Speaker) -> None:
    buffer.put(sound(500))
    taken(buffer, 10)
    speaker.volume = 0.5
    assert taken(buffer, 10) == [1000, 900, 800, 700, 600] + [500] * 5
    speaker.volume = 1.0
    assert taken(buffer, 10) == [500, 600, 700, 800, 900] + [LEVEL] * 5


def test_a_voice_that_is_held_waits_where_it_is_and_goes_on(buffer: PlaybackBuffer, speaker: Speaker) -> None:
    buffer.put(sound(500))
    taken(buffer, 10)
    speaker.volume = 0.0
    assert taken(buffer, 10) == [800, 600, 400, 200, 0] + [0] * 5
    assert [taken(buffer, 100) for _ in range(20)] == [[0] * 100] * 20
    assert not buffer.empty
    assert speaker.played.seconds == pytest.approx(0.015)
    speaker.volume = 0.25
    assert taken(buffer, 10) == [0, 50, 100, 150, 200] + [250] * 5
    speaker.volume = 1.0
    buffer.end()
    taken(buffer, 1000)
    assert speaker.played.seconds == pytest.approx(0.5)


def test_a_voice_that_is_held_can_be_cut_off(buffer: PlaybackBuffer, speaker: Speaker) -> None:
    buffer.put(sound(500))
    taken(buffer, 10)
    speaker.volume = 0.0
    taken(buffer, 10)
    buffer.cut()
    assert taken(buffer, 10) == [0] * 10
    speaker.volume = 1.0
    assert taken(buffer, 10) == [0] * 10
    assert speaker.played.seconds == pytest.approx(0.015)


def test_a_device_that_is_not_open_yet_gets_nothing() -> None:
    buffer = PlaybackBuffer(Speaker())
    buffer.put(sound(500))
    assert taken(buffer, 10) == [0] * 10


def test_a_fade_is_no_longer_than_the_sound() -> None:
    assert list(samples_of(faded(sound(2), 10, rising=False))) == [500, 0]
    assert faded(b"", 10, rising=True) == b""


class Speech:
    """A minute of it, as an endpoint sends it: much faster than it is heard."""

    def __init__(self) -> None:
        self.ahead = asyncio.Event()
        """As much is made as is taken ahead of the ear."""
        self.begun = asyncio.Event()
        self.closed = False

    async def frames(self) -> Frames:
        try:
            for second in range(60):
                self.begun.set()
                if second >= MAX_SECONDS:
                    self.ahead.set()
                yield tone(1, rate=24_000)
        finally:
            self.closed = True


@pytest.fixture
async def sound_library() -> AsyncIterator[FakeSound]:
    library = FakeSound()
    yield library
    # Nothing hangs any longer than its test.
    library.may_open.set()
    library.may_start.set()


@pytest.fixture
def transport(sound_library: FakeSound) -> LocalTransport:
    return LocalTransport(load=lambda _: sound_library)


@pytest.mark.anyio
@pytest.mark.parametrize("opened", [True, False], ids=["much is made ahead", "the device still opens"])
async def test_cancelling_ends_the_making_of_speech(transport: LocalTransport, sound_library: FakeSound, opened: bool) -> None:
    if opened:
        sound_library.may_open.set()
    speech = Speech()
    frames = speech.frames()
    playing = asyncio.create_task(transport.play(frames))
    await asyncio.wait_for((speech.ahead if opened else speech.begun).wait(), 10)
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert speech.closed


@pytest.mark.anyio
async def test_a_device_that_starts_slowly_is_not_taken_for_a_lost_one(
    transport: LocalTransport, sound_library: FakeSound
) -> None:
    sound_library.may_open.set()
    speech = Speech()
    playing = asyncio.create_task(transport.play(speech.frames()))
    await asyncio.wait_for(speech.ahead.wait(), 10)
    await asyncio.wait([playing], timeout=STALL_SECONDS + 0.3)
    sound_library.may_start.set()
    assert (await playing).seconds == pytest.approx(60)


@pytest.mark.anyio
async def test_a_voice_that_is_held_is_no_lost_device_and_takes_no_more_from_the_network(
    transport: LocalTransport, sound_library: FakeSound
) -> None:
    sound_library.may_open.set()
    sound_library.may_start.set()
    speech, speaker = Speech(), Speaker(volume=0.0)
    playing = asyncio.create_task(transport.play(speech.frames(), speaker))
    await asyncio.wait_for(speech.ahead.wait(), 10)
    await asyncio.wait([playing], timeout=STALL_SECONDS + 0.3)
    assert (playing.done(), speaker.played.seconds) == (False, 0.0)
    speaker.volume = 1.0
    assert (await playing).seconds == pytest.approx(60)


@pytest.mark.anyio
async def test_a_device_that_hangs_while_it_starts_is_an_error_too(
    transport: LocalTransport, sound_library: FakeSound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "PATIENCE_SECONDS", 0.2)
    sound_library.may_open.set()
    async with asyncio.timeout(5):
        with pytest.raises(AudioDeviceError, match=r"speaker cannot be opened \(it did not start within 0.2 s\)"):
            await transport.play(stream(tone(1)))


@pytest.mark.anyio
async def test_a_sound_server_that_hangs_takes_no_thread_from_others_and_is_left_alone_after_a_while(
    transport: LocalTransport, sound_library: FakeSound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(local, "CLOSE_SECONDS", 0.01)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    before = set(threading.enumerate())
    for _ in range(local.MAX_HANGING):
        with pytest.raises(AudioDeviceError, match="did not open"):
            await transport.play(stream(tone(1)))
    hanging = set(threading.enumerate()) - before
    assert len(hanging) == local.MAX_HANGING
    assert all(thread.daemon for thread in hanging), "no exit waits for them"
    with pytest.raises(AudioDeviceError, match=r"speaker cannot be opened \(earlier attempts still hang\).*voicemode doctor"):
        await transport.play(stream(tone(1)))
    assert set(threading.enumerate()) - before == hanging
    async with asyncio.timeout(5):
        assert await asyncio.to_thread(lambda: "there is a thread left") == "there is a thread left"


@pytest.mark.anyio
@pytest.mark.parametrize("ends", ["by itself", "by SIGTERM"])
async def test_a_program_whose_sound_server_hangs_ends(ends: str) -> None:
    async with endpoint(answers(200, {"text": "nothing"})) as server:
        environ = speaking_agent(server.url, VOICEMODE_STT_BASE_URLS=server.url, PYTHONPATH=stuck_path())
        process = await asyncio.create_subprocess_exec(*COMMAND, "listen", stderr=asyncio.subprocess.PIPE, env=environ)
        assert process.stderr is not None
        async with asyncio.timeout(60):
            while STUCK not in (line := (await process.stderr.readline()).decode()):
                assert line, "it has tried to open the microphone"
            if ends == "by SIGTERM":
                process.terminate()
            told = (await process.stderr.read()).decode()
            code = await process.wait()
    assert code == (128 + signal.SIGTERM if ends == "by SIGTERM" else 1)
    assert ("microphone cannot be opened (it did not open within 3 s)" in told) == (ends == "by itself")


def stuck_path() -> str:
    """PYTHONPATH of a VoiceMode whose sound server hangs."""
    return os.pathsep.join(map(str, (REPOSITORY / "tests" / "support" / "stuck_sound", REPOSITORY)))


@pytest.mark.anyio
async def test_a_device_that_hangs_while_it_opens_is_an_error_and_is_closed_if_it_opens_after_all(
    transport: LocalTransport, sound_library: FakeSound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "PATIENCE_SECONDS", 0.2)
    async with asyncio.timeout(5):
        with pytest.raises(
            AudioDeviceError, match=r"speaker cannot be opened \(it did not open within 0.2 s\).*voicemode doctor"
        ):
            await transport.play(stream(tone(1)))
    assert not sound_library.closed.is_set()
    sound_library.may_open.set()
    assert await asyncio.to_thread(sound_library.closed.wait, 5)
