"""The main job on real input: an agent calls `converse` over stdio, a person's recorded voice answers through a sound card.

Everything is real: the MCP client, the server and the engines it starts by itself, the (virtual) card, the human speech.
"""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult

from tests.support.agents import Engines
from tests.support.mcp_client import COMMAND, Progress, RawServer, connect, environment, text
from tests.support.paths import RECORDINGS
from tests.support.people import CLIPS
from tests.support.rig import Recording, VirtualSound
from tests.support.wer import wer
from voicemode.audio.wav import wav_bytes
from voicemode.conversation.status import DEAD_MICROPHONE

pytestmark = [pytest.mark.anyio, pytest.mark.sound, pytest.mark.engine]

LONG = "austen-0920.wav"
"""Eighteen words: what Whisper makes of one of them decides nothing."""
QUESTION = "Good morning. Which sentence of the book would you like to read to me today?"


@pytest.fixture
def agent_environment(virtual_sound: VirtualSound, engines: Engines) -> dict[str, str]:
    """Environment of an agent's VoiceMode: this sound card, engines on ports of their own, started on demand."""
    return environment(**virtual_sound.environ, **engines.environ)


@pytest.fixture
async def agent(agent_environment: dict[str, str]) -> AsyncIterator[Client]:
    async with connect(agent_environment) as client:
        yield client


def ask(agent: Client, message: str, **arguments: Any) -> tuple[asyncio.Task[CallToolResult], Progress]:
    """Begin a turn."""
    progress = Progress()
    call = agent.call_tool("converse", {"message": message, **arguments}, progress_callback=progress, read_timeout_seconds=180)
    return asyncio.create_task(call), progress


async def converse(agent: Client, sound: VirtualSound, clip: str, message: str = QUESTION, **arguments: Any) -> CallToolResult:
    """One turn: the agent asks, the person answers with `clip` once VoiceMode listens."""
    call, progress = ask(agent, message, **arguments)
    try:
        await progress.reached("listening", seconds=180)
        player = sound.speak(RECORDINGS / clip)
        result = await call
        await asyncio.to_thread(player.wait)
    finally:
        call.cancel()
    return result


async def test_five_turns_in_a_row_are_understood(agent: Client, virtual_sound: VirtualSound) -> None:
    wrong = []
    for clip, said in CLIPS.items():
        result = await converse(agent, virtual_sound, clip)
        assert not result.is_error, text(result)
        assert result.structured_content is not None
        assert result.structured_content["ended"] in {"finished", "silence"}
        wrong.append(wer(said, result.structured_content["text"]))
    assert sum(wrong) / len(wrong) < 0.15, wrong


async def test_the_person_hears_what_the_agent_says(agent: Client, virtual_sound: VirtualSound, tmp_path: Path) -> None:
    with virtual_sound.record() as recording:
        result = await agent.call_tool("converse", {"message": QUESTION, "wait_for_response": False}, read_timeout_seconds=180)
    assert not result.is_error, text(result)
    heard = await transcribed(agent, recording, tmp_path)
    assert wer(QUESTION, heard) < 0.15, heard


async def transcribed(agent: Client, recording: Recording, folder: Path) -> str:
    path = folder / "heard.wav"
    path.write_bytes(wav_bytes(recording.frame))
    return text(await agent.call_tool("transcribe", {"file": str(path)}, read_timeout_seconds=180))


async def test_cancelling_in_mid_speech_silences_us_and_leaves_the_server_well(
    agent: Client, virtual_sound: VirtualSound
) -> None:
    progress = Progress()
    with virtual_sound.record() as recording:
        call = asyncio.create_task(agent.call_tool("converse", {"message": QUESTION * 3}, progress_callback=progress))
        async with asyncio.timeout(60):
            while recording.first_sound_at() is None:
                await asyncio.sleep(0.01)
        call.cancel()
        cancelled_at = time.monotonic()
        await asyncio.wait([call])
        await until_closed(virtual_sound)
        last_sound_at = recording.last_sound_at()
    assert last_sound_at is not None
    # 0.2 s are promised; the recording runs up to 0.1 s behind, and this machine may be busy.
    assert last_sound_at - cancelled_at < 0.5
    assert not (await converse(agent, virtual_sound, "austen-0880.wav")).is_error


async def test_a_person_who_talks_over_us_through_our_echo_is_understood_from_the_first_word(
    agent: Client, virtual_sound: VirtualSound
) -> None:
    clip = "austen-0870.wav"
    with virtual_sound.echo(), virtual_sound.record() as recording:
        call, progress = ask(agent, QUESTION * 4)
        await progress.reached("speaking", seconds=180)
        async with asyncio.timeout(60):
            while (first_at := recording.first_sound_at()) is None:
                await asyncio.sleep(0.01)
        # The canceller learns meanwhile where our echo is.
        await asyncio.sleep(2.5)
        player = virtual_sound.speak(RECORDINGS / clip)
        spoke_at = time.monotonic()
        await asyncio.to_thread(player.wait)
        last_at = recording.last_sound_at()
        result = await call
    assert not result.is_error, text(result)
    assert result.structured_content is not None
    reply = result.structured_content
    assert wer(CLIPS[clip], reply["text"]) < 0.2, reply["text"]
    assert reply["interrupted_after"].startswith("Good morning")
    assert reply["unspoken"]
    assert last_at is not None
    assert first_at < last_at < spoke_at + 1.5


async def test_cancelling_in_mid_listen_closes_the_microphone_and_leaves_the_server_well(
    agent: Client, virtual_sound: VirtualSound
) -> None:
    progress = Progress()
    call = asyncio.create_task(agent.call_tool("converse", {"message": "Well?"}, progress_callback=progress))
    await progress.reached("listening")
    assert virtual_sound.streams()[0] == 1
    call.cancel()
    await asyncio.wait([call])
    await until_closed(virtual_sound)
    assert not (await converse(agent, virtual_sound, "austen-0880.wav")).is_error


def said(result: CallToolResult) -> str:
    """What the person said, without notes beside it."""
    assert result.structured_content is not None
    return str(result.structured_content["text"])


async def until_closed(sound: VirtualSound) -> None:
    """Wait until no program has the card open."""
    async with asyncio.timeout(2):
        while await asyncio.to_thread(sound.streams) != (0, 0):
            await asyncio.sleep(0.02)


async def test_two_agents_converse_at_once_and_share_one_pair_of_engine_servers(
    agent: Client, agent_environment: dict[str, str], virtual_sound: VirtualSound, engines: Engines
) -> None:
    async with connect(agent_environment) as other:
        turns = [ask(client, QUESTION) for client in (agent, other)]
        for _, progress in turns:
            await progress.reached("listening", seconds=180)
        virtual_sound.speak(RECORDINGS / LONG)
        for result in await asyncio.gather(*(call for call, _ in turns)):
            assert wer(CLIPS[LONG], said(result)) < 0.2
    assert len(engines.processes()) == 2


async def test_engine_servers_that_were_killed_are_started_again_for_the_next_turn(
    agent: Client, virtual_sound: VirtualSound, engines: Engines
) -> None:
    before = await converse(agent, virtual_sound, LONG)
    await kill(engines.processes())
    after = await converse(agent, virtual_sound, LONG)
    for result in (before, after):
        assert wer(CLIPS[LONG], said(result)) < 0.2
    assert len(engines.processes()) == 2


async def test_ears_that_are_killed_while_the_person_speaks_are_started_again_for_what_was_said(
    agent: Client, virtual_sound: VirtualSound, engines: Engines
) -> None:
    call, progress = ask(agent, "Well?")
    await progress.reached("listening", seconds=180)
    virtual_sound.speak(RECORDINGS / LONG)
    await asyncio.sleep(1)
    await kill([process for process in engines.processes() if "whisper" in process.cmdline()])
    result = await call
    assert not result.is_error, text(result)
    assert wer(CLIPS[LONG], said(result)) < 0.2


async def kill(processes: list[psutil.Process]) -> None:
    assert processes
    for process in processes:
        process.kill()
    await asyncio.to_thread(psutil.wait_procs, processes, 10)


async def test_a_microphone_that_delivers_digital_silence_is_told_within_a_second(
    agent: Client, virtual_sound: VirtualSound
) -> None:
    await converse(agent, virtual_sound, "austen-0880.wav")
    # The virtual microphone has no noise of its own, like a muted one.
    call, progress = ask(agent, "Well?")
    begun_at = time.monotonic()
    await progress.reached(f"listening: {DEAD_MICROPHONE}")
    # A loaded machine gets some more.
    assert time.monotonic() - begun_at < 1.5
    assert not call.done()
    call.cancel()
    await asyncio.wait([call])


async def test_nobody_speaking_is_no_error_and_says_so(agent_environment: dict[str, str]) -> None:
    async with connect(agent_environment | {"VOICEMODE_PATIENCE_SECONDS": "1"}) as agent:
        result = await agent.call_tool("converse", {"message": "Hello?"}, read_timeout_seconds=180)
    assert not result.is_error
    assert result.structured_content is not None
    assert result.structured_content["ended"] == "no speech"
    # The virtual microphone has no noise of its own, like a muted one.
    assert "digital silence" in text(result)


async def test_a_client_that_leaves_in_mid_turn_leaves_no_open_device(
    agent_environment: dict[str, str], virtual_sound: VirtualSound
) -> None:
    progress = Progress()
    async with connect(agent_environment) as agent:
        call = asyncio.create_task(agent.call_tool("converse", {"message": "Well?"}, progress_callback=progress))
        await progress.reached("listening")
    with pytest.raises(MCPError, match="Connection closed"):
        await call
    await until_closed(virtual_sound)


@pytest.mark.parametrize("stage", ["speaking", "listening"])
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, None], ids=["SIGINT", "SIGTERM", "closed stdin"])
async def test_an_end_in_mid_turn_closes_the_devices_and_leaves_no_process(
    agent_environment: dict[str, str], virtual_sound: VirtualSound, stage: str, end: signal.Signals | None
) -> None:
    server = await RawServer.start(agent_environment)
    await server.initialize()
    await server.converse_until(stage, QUESTION)
    children = psutil.Process(server.process.pid).children()
    if end is None:
        server.stdin.close()
    else:
        server.process.send_signal(end)
    # 2 s are promised; a loaded machine gets some more.
    assert await server.ends(4) == (0 if end is None else 128 + end)
    await until_closed(virtual_sound)
    # The engine servers are meant to outlive us: agents share them, and they end when idle.
    assert [child for child in children if child.is_running() and "serve" not in child.cmdline()] == []


async def test_a_card_unplugged_in_mid_turn_is_an_error_that_keeps_what_was_said(
    agent: Client, virtual_sound: VirtualSound, engines: Engines
) -> None:
    progress = Progress()
    call = asyncio.create_task(agent.call_tool("converse", {"message": "Well?"}, progress_callback=progress))
    await progress.reached("listening")
    virtual_sound.speak(RECORDINGS / "austen-0870.wav")
    await asyncio.sleep(3)
    await asyncio.to_thread(virtual_sound.unplug)
    unplugged_at = time.monotonic()
    try:
        result = await call
        told_after = time.monotonic() - unplugged_at
    finally:
        await asyncio.to_thread(virtual_sound.plug_in)
    assert result.is_error
    assert "The microphone stopped working in the middle of the turn." in text(result)
    # 1 s is promised; a loaded machine gets some more.
    assert told_after < 2
    kept = Path(text(result).rpartition("voicemode transcribe ")[2])
    assert kept.parent == engines.base_dir / "recordings"
    retried = await agent.call_tool("transcribe", {"file": str(kept)}, read_timeout_seconds=180)
    assert CLIPS["austen-0870.wav"].split()[2] in text(retried).lower()


async def test_the_command_line_speaks(agent_environment: dict[str, str], virtual_sound: VirtualSound) -> None:
    with virtual_sound.record() as recording:
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "say", "Hello from the command line.", "--json"),
            env=agent_environment,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    assert json.loads(out)["seconds"]["spoken"] > 1
    assert recording.first_sound_at() is not None
