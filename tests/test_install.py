"""What the README tells a newcomer to type, typed: from a built wheel, with a real MCP client."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.agents import Engines, free_ports
from tests.support.mcp_client import connect, environment, text
from tests.support.paths import REPOSITORY
from tests.support.people import sentences
from tests.support.rig import VirtualSound
from tests.support.wer import wer
from tests.support.wheels import UV, UV_CACHE

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def claude_desktop() -> tuple[str, ...]:
    """The command in the README's Claude Desktop entry."""
    (entry,) = re.findall(r"```json\n(.+?)```", README, re.DOTALL)
    server = json.loads(entry)["mcpServers"]["voicemode"]
    return (server["command"], *server["args"])


def claude_code() -> tuple[str, ...]:
    """The command in the README's line for Claude Code."""
    (line,) = re.findall(r"^claude mcp add voicemode -- (.+)$", README, re.MULTILINE)
    return tuple(shlex.split(line))


def uvx() -> str:
    return shutil.which("uvx", path=str(UV.parent)) or "uvx"


def uvx_environment(wheel: Path, **extra: str) -> dict[str, str]:
    """`uvx` finds the wheel as if it were published. Nothing may be compiled; ports are not the person's."""
    whisper, kokoro = free_ports(2)
    ports = {"VOICEMODE_WHISPER_PORT": str(whisper), "VOICEMODE_KOKORO_PORT": str(kokoro)}
    ports |= {name: extra.pop(name) for name in ports if name in extra}
    settings = {"UV_FIND_LINKS": str(wheel.parent), "UV_NO_BUILD": "1", "UV_PYTHON": sys.executable}
    environ = environment(UV_CACHE_DIR=UV_CACHE, UV_SYSTEM_CERTS="1", **settings, **ports, **extra)
    del environ["PYTHONPATH"]
    return environ


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(wheel)], capture_output=True, text=True, check=True
    ).stdout
    assert "voicemode/server.py" in names
    assert "voicemode/py.typed" in names
    assert not re.search(r"^(tests|bench|scripts)/", names, re.MULTILINE)


@pytest.mark.anyio
@pytest.mark.parametrize("command", [claude_desktop(), claude_code()], ids=["Claude Desktop", "Claude Code"])
async def test_the_command_in_the_readme_is_a_working_server(command: tuple[str, ...], wheel: Path, tmp_path: Path) -> None:
    assert command[0] == "uvx"
    environ = uvx_environment(wheel, VOICEMODE_AUTO_START="false")
    async with connect(environ, command=(uvx(), *command[1:])) as client:
        assert "converse" in {tool.name for tool in (await client.list_tools()).tools}
        assert "Whisper speech-to-text: installed" in text(await client.call_tool("doctor", {}))


@pytest.mark.anyio
@pytest.mark.sound
@pytest.mark.engine
async def test_the_command_in_the_readme_speaks_and_understands(
    wheel: Path, virtual_sound: VirtualSound, engines: Engines
) -> None:
    environ = uvx_environment(wheel, **virtual_sound.environ, **engines.environ)
    recording, said = sentences()[1]
    async with connect(environ, command=(uvx(), *claude_desktop()[1:])) as client:
        with virtual_sound.record() as speaker:
            spoken = await client.call_tool(
                "converse", {"message": "Hello.", "wait_for_response": False}, read_timeout_seconds=180
            )
        heard = await client.call_tool("transcribe", {"file": str(recording)}, read_timeout_seconds=180)
    assert not spoken.is_error, text(spoken)
    assert speaker.first_sound_at() is not None
    assert wer(said, text(heard)) < 0.15


@pytest.mark.anyio
async def test_the_light_install_says_what_to_add_for_speech_on_this_machine(wheel: Path) -> None:
    async with connect(uvx_environment(wheel), command=(uvx(), "voicemode")) as client:
        result = await client.call_tool("transcribe", {"file": str(sentences()[0][0])})
    assert result.is_error
    assert "The engine of Whisper speech-to-text is not installed" in text(result)
    assert "uvx --from 'voicemode[" in text(result)
