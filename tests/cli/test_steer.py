"""Steering from another terminal, with a hot key or a headset: real commands, from other processes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.support.mcp_client import COMMAND, environment
from voicemode.control.doors import doors, folder, open_door
from voicemode.control.server import steerable
from voicemode.controls import Controls, ControlState, Doing

pytestmark = pytest.mark.anyio
WAIT_SECONDS = 30
PIPE = asyncio.subprocess.PIPE
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and pseudo-terminals are POSIX")


@pytest.fixture
async def controls(home: Path) -> AsyncIterator[Controls]:
    """Those of a program that runs, and can be reached as soon as this is here."""
    controls = Controls()
    async with steerable(controls):
        await reaches(lambda: bool(doors(folder())))
        yield controls


async def reaches(holds: Callable[[], bool]) -> None:
    """Wait until `holds`, which others bring about."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():
            await asyncio.sleep(0.01)


async def begun(*arguments: str, stdin: int = asyncio.subprocess.DEVNULL) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(*COMMAND, *arguments, stdin=stdin, stdout=PIPE, stderr=PIPE, env=environment())


async def voicemode(*arguments: str) -> tuple[int | None, str, str]:
    """Exit code, output and errors of a command."""
    return await ended(await begun(*arguments))


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), WAIT_SECONDS)
    return process.returncode, out.decode().strip(), err.decode().strip()


@pytest.mark.parametrize(
    ("command", "doing", "said"),
    [("stop", "speaking", "Stopped."), ("skip", "speaking", "Skipped."), ("send", "listening", "Sent.")],
)
async def test_a_command_reaches_the_conversation(command: str, doing: Doing, said: str, controls: Controls) -> None:
    controls.now(doing)
    assert await voicemode(command) == (0, said, "")
    async with asyncio.timeout(WAIT_SECONDS):
        match command:
            case "stop":
                await controls.stopped()
            case "skip":
                await controls.skipped()
            case _:
                assert controls.sending


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("stop", "Nobody is speaking or listening now."),
        ("skip", "Nobody is speaking now."),
        ("send", "Nobody is listening now."),
        ("hold", "Nobody is speaking or listening now."),
        ("hold --down", "Nobody is speaking or listening now."),
        ("hold --up", "Nothing is held."),
    ],
)
async def test_with_nothing_to_do_it_says_so_and_ends_with_1(command: str, complaint: str, controls: Controls) -> None:
    assert await voicemode(*command.split()) == (1, "", f"Error: {complaint}")


@pytest.mark.parametrize("command", ["stop", "skip", "send", "hold"])
async def test_where_nothing_runs_it_says_what_to_do(command: str) -> None:
    code, out, err = await voicemode(*command.split())
    assert (code, out) == (1, "")
    assert err.splitlines()[0] == "Error: No conversation is running."
    assert err.splitlines()[-1].strip() == 'voicemode converse "Hello"'


async def test_it_can_be_muted_and_unmuted(controls: Controls) -> None:
    for command, muted in [("mute", True), ("mute", True), ("mute toggle", False), ("mute toggle", True), ("mute off", False)]:
        code, out, _ = await voicemode(*command.split())
        assert code == 0
        assert out == ("Muted: nothing is heard." if muted else "No longer muted.")
        assert controls.state.muted is muted
    controls.mute(on=True)
    await voicemode("unmute")
    assert not controls.state.muted


async def test_a_conversation_that_begins_later_is_muted_too(home: Path) -> None:
    for command, muted in [("mute", True), ("mute toggle", False), ("mute toggle", True), ("unmute", False)]:
        code, out, _ = await voicemode(*command.split())
        assert (code, out) == (0, "Muted: nothing is heard." if muted else "No longer muted.")
        later = Controls()
        async with steerable(later):
            await reaches(lambda: bool(doors(folder())))
            await voicemode("now")
            assert later.state.muted is muted


async def test_what_goes_on_is_shown(controls: Controls) -> None:
    assert "idle" in (await voicemode("now"))[1]
    controls.now("speaking")
    controls.mute(on=True)
    code, out, _ = await voicemode("now")
    assert (code, out) == (0, f"speaking      muted  {Path.cwd()}  (pid {os.getpid()})")
    (shown,) = json.loads((await voicemode("now", "--json"))[1])
    assert shown == {"doing": "speaking", "muted": True, "held": False, "folder": str(Path.cwd()), "pid": os.getpid()}


async def test_where_nothing_runs_that_is_shown() -> None:
    assert await voicemode("now") == (0, "No conversation is running.", "")
    assert await voicemode("now", "--json") == (0, "[]", "")


async def test_a_program_that_does_not_answer_is_told_of(controls: Controls) -> None:
    hanging = open_door(folder())
    code, out, err = await voicemode("now")
    assert (code, out.split()[0], err) == (0, "idle", "1 running conversation did not answer.")
    code, _, err = await voicemode("mute")
    assert (code, err) == (1, "Error: 1 running conversation did not answer, and may still hear you.")
    assert controls.state.muted
    hanging.close()


@POSIX
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP, signal.SIGINT])
async def test_it_is_held_exactly_as_long_as_the_command_lives(number: signal.Signals, controls: Controls) -> None:
    controls.now("listening")
    process = await begun("hold")
    assert process.stderr is not None
    assert await asyncio.wait_for(process.stderr.readline(), WAIT_SECONDS) == b"Recording until this command ends.\n"
    assert controls.state == ControlState("listening", held=True)
    process.send_signal(number)
    code, out, _ = await ended(process)
    await reaches(lambda: not controls.state.held)
    assert controls.sending
    assert (code, out) == ((0, "Sent.") if number == signal.SIGINT else (-number, ""))


@POSIX
@pytest.mark.parametrize("end", ["Enter", "Ctrl-C"])
async def test_in_a_terminal_a_key_ends_it(end: str, controls: Controls) -> None:
    import pty

    ours, theirs = pty.openpty()
    controls.now("listening")
    process = await begun("hold", stdin=theirs)
    os.close(theirs)
    assert process.stderr is not None
    assert await asyncio.wait_for(process.stderr.readline(), WAIT_SECONDS) == b"Recording until Enter.\n"
    assert controls.state.held
    if end == "Enter":
        os.write(ours, b"\n")
    else:
        process.send_signal(signal.SIGINT)
    assert await ended(process) == (0, "Sent.", "")
    await reaches(lambda: not controls.state.held)
    os.close(ours)


async def test_it_can_be_held_by_two_commands(controls: Controls) -> None:
    controls.now("listening")
    assert (await voicemode("hold", "--down"))[0] == 0
    assert controls.state == ControlState("listening", held=True)
    assert await voicemode("hold", "--up") == (0, "Sent.", "")
    assert controls.state == ControlState("listening")
    assert controls.sending


async def test_the_end_of_the_conversation_ends_the_command() -> None:
    controls = Controls()
    controls.now("listening")
    async with steerable(controls):
        await reaches(lambda: bool(doors(folder())))
        process = await begun("hold")
        assert process.stderr is not None
        await asyncio.wait_for(process.stderr.readline(), WAIT_SECONDS)
    assert await ended(process) == (1, "", "Error: The conversation has ended.")


@pytest.mark.parametrize("command", ["stop", "skip", "send", "mute", "unmute", "hold", "now"])
async def test_every_command_explains_itself(command: str) -> None:
    code, out, _ = await voicemode(command, "--help")
    assert code == 0
    assert out.startswith("Usage: ")


def test_a_command_for_a_hot_key_loads_little() -> None:
    modules = "import sys; sys.argv = ['voicemode', 'now']; import voicemode.__main__ as m\n"
    modules += "try: m.main()\nexcept SystemExit: print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", modules], capture_output=True, text=True, env=environment(), check=True)
    assert not set(done.stdout.split()) & {"asyncio", "mcp", "pydantic", "httpx2", "psutil", "voicemode.app", "voicemode.tools"}
