"""A person's hand steers a real turn: an MCP server with a (virtual) sound card, commands from other processes."""

import asyncio
import math
import signal
import time
from array import array
from collections.abc import AsyncIterator
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import pytest
from mcp.client import Client
from mcp.types import CallToolResult

from tests.support.endpoints import FakeEndpoint, endpoint, speech_api
from tests.support.mcp_client import COMMAND, Progress, RawServer, connect, environment, text
from tests.support.paths import RECORDINGS
from tests.support.people import CLIPS
from tests.support.rig import Recording, VirtualSound
from voicemode.audio.frames import Frame, silence
from voicemode.audio.wav import read_wav
from voicemode.control.doors import doors, folder
from voicemode.conversation.status import MUTED

pytestmark = [pytest.mark.anyio, pytest.mark.sound]
WAIT_SECONDS = 30
RATE = 24_000
LONG = array("h", [round(8000 * math.sin(index / 9)) for index in range(RATE * 20)]).tobytes()
"""Twenty seconds of our voice."""
CLIP = min(CLIPS, key=lambda name: (RECORDINGS / name).stat().st_size)
"""The shortest recording of a person."""


@pytest.fixture
async def speech() -> AsyncIterator[FakeEndpoint]:
    async with endpoint(speech_api(LONG)) as server:
        yield server


@pytest.fixture
def settings(virtual_sound: VirtualSound, speech: FakeEndpoint) -> dict[str, str]:
    return environment(
        VOICEMODE_AUTO_START="false",
        VOICEMODE_TTS_BASE_URLS=speech.url,
        VOICEMODE_STT_BASE_URLS=speech.url,
        VOICEMODE_DISCOVER_PORTS="",
        VOICEMODE_PATIENCE_SECONDS="8",
        VOICEMODE_SILENCE_THRESHOLD_MS="20000",
        VOICEMODE_AUDIO_FEEDBACK="false",
        VOICEMODE_SPECULATE="off",
        **virtual_sound.environ,
    )


@pytest.fixture
async def agent(settings: dict[str, str]) -> AsyncIterator[Client]:
    async with connect(settings) as client:
        yield client


class Turn:
    """A call of `converse` that goes on."""

    def __init__(self, agent: Client, message: str = "Well?", **arguments: Any) -> None:
        self._progress = Progress()
        call = agent.call_tool("converse", {"message": message, **arguments}, progress_callback=self._progress)
        self._call = asyncio.create_task(call)

    async def reaches(self, stage: str) -> None:
        await self._progress.reached(stage, seconds=WAIT_SECONDS)

    async def ends_with(self, command: str) -> dict[str, Any]:
        """Its reply, once a person has given `command`."""
        await voicemode(command)
        return await self.reply()

    async def reply(self) -> dict[str, Any]:
        result: CallToolResult = await asyncio.wait_for(self._call, WAIT_SECONDS)
        assert not result.is_error, text(result)
        assert result.structured_content is not None
        return dict(result.structured_content)


async def voicemode(*arguments: str) -> str:
    """What a command says that succeeds."""
    process = await begun(*arguments)
    out, err = await asyncio.wait_for(process.communicate(), WAIT_SECONDS)
    assert process.returncode == 0, err
    return out.decode().strip()


async def begun(*arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment()
    )


async def sounds(recording: Recording) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while recording.first_sound_at() is None:
            await asyncio.sleep(0.01)


async def heard(sound: VirtualSound, what: Path | Frame) -> None:
    """Say `what` into the microphone, to its end."""
    player = sound.speak(what)
    assert await asyncio.to_thread(player.wait, WAIT_SECONDS) == 0


@pytest.mark.parametrize("command", ["skip", "stop", "hold --down"])
async def test_it_silences_us_at_once(command: str, agent: Client, virtual_sound: VirtualSound) -> None:
    with virtual_sound.record() as recording:
        turn = Turn(agent)
        await sounds(recording)
        pressed_at = time.monotonic()
        await voicemode(*command.split())
        await heard(virtual_sound, silence(1.5, RATE))
        last_at = recording.last_sound_at()
    assert last_at is not None
    # The command starts in 0.1 s; the recording runs up to 0.1 s behind, and this machine may be busy.
    assert last_at - pressed_at < 1.0
    assert (await turn.ends_with("stop") if command != "stop" else await turn.reply())["ended"] == "stopped"


async def test_after_a_skip_we_listen_and_send_ends_the_turn(agent: Client, virtual_sound: VirtualSound) -> None:
    turn = Turn(agent)
    await turn.reaches("speaking")
    await voicemode("skip")
    await turn.reaches("listening")
    await heard(virtual_sound, RECORDINGS / CLIP)
    assert (await voicemode("now")).startswith("listening")
    reply = await turn.ends_with("send")
    assert (reply["text"], reply["ended"]) == ("hello", "sent")


async def test_a_person_who_talks_over_us_silences_us_and_their_words_are_the_answer(
    settings: dict[str, str], virtual_sound: VirtualSound
) -> None:
    # The rig's microphone does not hear its speaker: headphones.
    quick = {"VOICEMODE_BARGE_IN": "headphones", "VOICEMODE_SILENCE_THRESHOLD_MS": "500"}
    async with connect(settings | quick) as agent:
        with virtual_sound.record() as recording:
            turn = Turn(agent, message=" ".join(f"word{letter}" for letter in ascii_uppercase))
            await sounds(recording)
            await heard(virtual_sound, silence(1.5, RATE))
            await heard(virtual_sound, RECORDINGS / CLIP)
            said_at = time.monotonic()
            reply = await turn.reply()
            last_at = recording.last_sound_at()
    assert (reply["text"], reply["ended"]) == ("hello", "silence")
    assert last_at is not None
    assert last_at < said_at, "they did not have to wait for our end"
    assert reply["interrupted_after"].startswith("wordA"), reply
    assert f"{reply['interrupted_after']} {reply['unspoken']}".split()[-1] == "wordZ"
    assert reply["seconds"]["heard"] > read_wav(RECORDINGS / CLIP).seconds * 0.7


async def test_what_is_held_is_recorded_exactly_through_every_pause(
    settings: dict[str, str], virtual_sound: VirtualSound
) -> None:
    async with connect(settings | {"VOICEMODE_SILENCE_THRESHOLD_MS": "500"}) as agent:
        turn = Turn(agent, message="")
        await turn.reaches("listening")
        holding = await begun("hold")
        assert holding.stderr is not None
        assert (await holding.stderr.readline()).startswith(b"Recording")
        began_at = time.monotonic()
        for sound in (RECORDINGS / CLIP, silence(2.0, RATE), RECORDINGS / CLIP):
            await heard(virtual_sound, sound)
        holding.kill()
        held_seconds = time.monotonic() - began_at
        reply = await turn.reply()
        await holding.communicate()
    assert reply["ended"] == "sent"
    assert reply["seconds"]["heard"] == pytest.approx(held_seconds, abs=0.5)


async def test_nothing_is_heard_while_muted_but_what_is_held(agent: Client, virtual_sound: VirtualSound) -> None:
    await voicemode("mute")
    turn = Turn(agent, message="")
    await turn.reaches(f"listening: {MUTED}")
    await heard(virtual_sound, RECORDINGS / CLIP)
    reply = await turn.reply()
    assert (reply["text"], reply["ended"]) == ("", "no speech")
    assert "voicemode unmute" in reply["note"]

    turn = Turn(agent, message="")
    await turn.reaches(f"listening: {MUTED}")
    await voicemode("hold", "--down")
    await heard(virtual_sound, RECORDINGS / CLIP)
    await voicemode("hold", "--up")
    assert (await turn.reply())["text"] == "hello"


async def test_of_two_agents_the_one_that_speaks_is_stopped(
    agent: Client, settings: dict[str, str], virtual_sound: VirtualSound
) -> None:
    async with connect(settings):
        turn = Turn(agent)
        await turn.reaches("speaking")
        await two_are_running()
        assert sorted(line.split()[0] for line in (await voicemode("now")).splitlines()) == ["idle", "speaking"]
        assert (await turn.ends_with("stop"))["ended"] == "stopped"


async def two_are_running() -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while len(doors(folder())) < 2:
            await asyncio.sleep(0.01)


async def test_a_person_at_a_terminal_can_be_stopped_from_another(settings: dict[str, str]) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*COMMAND, "say", "Well?", "--json", stdout=pipe, stderr=pipe, env=settings)
    assert process.stderr is not None
    async with asyncio.timeout(WAIT_SECONDS):
        while "speaking" not in (await process.stderr.readline()).decode():
            pass
    await voicemode("stop")
    await asyncio.wait_for(process.communicate(), WAIT_SECONDS)
    assert process.returncode == 0


async def test_a_server_that_was_killed_is_no_longer_running(settings: dict[str, str]) -> None:
    server = await RawServer.start(settings)
    await server.initialize()
    async with asyncio.timeout(WAIT_SECONDS):
        while not doors(folder()):
            await asyncio.sleep(0.01)
    server.process.send_signal(signal.SIGKILL)
    await server.process.communicate()
    assert len(doors(folder())) == 1
    assert await voicemode("now") == "No conversation is running."
    assert doors(folder()) == []
