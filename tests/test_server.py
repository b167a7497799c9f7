"""The MCP server as a client sees it: a child process on stdio."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from mcp.client import Client
from mcp.server.mcpserver.exceptions import ToolError

from tests.support.agents import speaking_agent
from tests.support.endpoints import endpoint, routes, speaks
from tests.support.mcp_client import Progress, RawServer, connect, environment, text
from voicemode import __version__, tools
from voicemode.config import Settings
from voicemode.errors import VoiceModeError
from voicemode.server import QUESTIONS_KEPT, Questions, create_server

pytestmark = pytest.mark.anyio
QUIET = {"VOICEMODE_AUTO_START": "false"}


@pytest.fixture(params=["legacy", "auto"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """A client of either protocol era."""
    async with connect(environment(**QUIET), mode=request.param) as connected:
        yield connected


async def test_it_says_who_it_is_and_what_it_can_do(client: Client) -> None:
    assert client.server_info is not None
    assert (client.server_info.name, client.server_info.version) == ("voicemode", __version__)
    assert {tool.name for tool in (await client.list_tools()).tools} == set(Settings().tools_enabled)


async def test_the_schema_of_converse_is_small(client: Client) -> None:
    (converse,) = (tool for tool in (await client.list_tools()).tools if tool.name == "converse")
    assert len(converse.input_schema["properties"]) <= 10
    assert "app" not in converse.input_schema["properties"]
    assert converse.input_schema["additionalProperties"] is False
    assert all(schema.get("description") for schema in converse.input_schema["properties"].values())
    # 700 tokens at 4 characters a token, which is what English and JSON come to.
    assert len(json.dumps(converse.model_dump(exclude_none=True), separators=(",", ":"))) <= 2800


async def test_guides_are_resources_and_prompts(client: Client) -> None:
    (guide,) = (await client.read_resource("voicemode://guide")).contents
    assert "wait_for_response" in guide.text  # type: ignore[union-attr]
    assert (await client.list_prompts()).prompts[0].name == "converse"


async def test_unknown_arguments_are_rejected_with_the_valid_names(client: Client) -> None:
    result = await client.call_tool("converse", {"massage": "hello"})
    assert result.is_error
    assert text(result).startswith("converse has no argument massage. It takes: message, wait_for_response")


async def test_a_wrong_value_is_explained(client: Client) -> None:
    result = await client.call_tool("converse", {"message": "hello", "speed": 9})
    assert result.is_error
    assert text(result) == "speed is 9; it must be 0.25 to 4.0, where 1.0 is normal."


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("converse", {"speed": "fast"}, 'speed is "fast"; it must be a number.'),
        ("converse", {"pace": "slow"}, 'pace is "slow"; it must be one of quick, normal, patient.'),
        ("converse", {"message": 5, "wait_for_response": []}, "message is 5; it must be text. wait_for_response is []; it "),
        ("converse", {"language": "x" * 500}, "language is 'xxx"),
        ("transcribe", {}, "file is missing: Path of the audio file, of any common format."),
        ("service", {"action": "fly"}, 'action is "fly"; it must be one of status, start, '),
        ("sing", {}, "There is no tool sing. There are: converse, doctor, "),
    ],
)
async def test_each_wrong_argument_is_told_in_our_words(
    client: Client, name: str, arguments: dict[str, object], sentence: str
) -> None:
    result = await client.call_tool(name, arguments)
    assert result.is_error
    assert text(result).startswith(sentence)
    assert "pydantic" not in text(result)


LINES: list[tuple[bytes, object, str]] = [
    (rb'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"providers","arguments":{}},"x":"\ud83d"}', 2, "result"),
    (rb'{"jsonrpc":"2.0","id":"\ud83d","method":"ping"}', "\ufffd", "result"),
    (rb'{"jsonrpc":"2.0","id":2,"method":"sing"}', 2, "error"),
    (rb'{"jsonrpc":"1.0","id":2,"method":"ping"}', 2, "error"),
    (rb'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":[1]}', 2, "error"),
    (rb'{"id": 2}', 2, "error"),
    (b"nonsense", None, "error"),
    (b"[]", None, "error"),
    (b"\xff\xfe", None, "error"),
    (b"[" * 100_000, None, "error"),
    (b"", None, "error"),
]


async def test_every_line_is_answered() -> None:
    server = await RawServer.start(environment(**QUIET))
    await server.initialize()
    for line, number, said in LINES:
        server.stdin.write(line + b"\n")
        answer = await server.receive()
        assert (answer["id"], said in answer) == (number, True), line[:80]
    server.stdin.close()
    assert await server.ends(30) == 0


async def test_half_a_character_in_a_message_keeps_nobody_from_speaking_it() -> None:
    async with endpoint(routes({"/v1/audio/speech": speaks(bytes(4800))})) as speech:
        server = await RawServer.start(speaking_agent(speech.url))
        await server.initialize()
        # json.dumps writes the half as \ud83d.
        arguments = {"message": "Done \ud83d it is.", "wait_for_response": False}
        server.send({"id": 2, "method": "tools/call", "params": {"name": "converse", "arguments": arguments}})
        answer = await server.receive()
        assert not answer["result"]["isError"]
        assert "Done" in speech.requests[-1].json["input"]
        server.stdin.close()
        assert await server.ends(30) == 0


async def test_a_call_without_a_job_is_explained(client: Client) -> None:
    result = await client.call_tool("converse", {"wait_for_response": False})
    assert text(result) == "There is nothing to say and nothing to wait for. Give a message, or wait_for_response=true."


async def test_an_expected_failure_reaches_the_agent_in_its_own_words(client: Client) -> None:
    result = await client.call_tool("transcribe", {"file": "/no/such.wav"})
    assert result.is_error
    assert text(result) == "There is no file /no/such.wav."


async def test_progress_goes_on_while_a_tool_is_silent(extra_tools: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicemode.server.HEARTBEAT_SECONDS", 0.02)
    (extra_tools / "extra_slow.py").write_text(
        "import asyncio\nfrom voicemode.app import App\nfrom voicemode.progress import Progress\n"
        "from voicemode.tools import tool\nfrom voicemode.tools.converse import Reply\n\n"
        "@tool\nasync def slow(app: App) -> Reply:\n    '''Be slow.'''\n    app.report(Progress('examining'))\n"
        "    await asyncio.sleep(0.5)\n    return Reply('', 'not asked', '', {}, {})\n"
    )
    settings_file(home, "VOICEMODE_TOOLS_ENABLED=slow", "VOICEMODE_AUTO_START=false")
    progress = Progress()
    async with Client(create_server()) as client:
        await client.call_tool("slow", {}, progress_callback=progress)
    assert progress.stages.count("examining") > 3
    assert progress.numbers == sorted(set(progress.numbers))


def settings_file(home: Path, *lines: str) -> None:
    (home / ".voicemode").mkdir(exist_ok=True)
    (home / ".voicemode/voicemode.env").write_text("\n".join(lines))


@pytest.fixture
def extra_tools(tmp_path: Path) -> Iterator[Path]:
    """A folder whose modules are tools, too."""
    tools.__path__.append(str(tmp_path))
    yield tmp_path
    tools.__path__.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("voicemode.tools.extra")]:
        del sys.modules[name]


async def test_a_crash_is_masked(extra_tools: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (extra_tools / "extra_crash.py").write_text(
        "from voicemode.app import App\nfrom voicemode.tools import tool\nfrom voicemode.tools.converse import Reply\n\n"
        "@tool\nasync def crash(app: App) -> Reply:\n    '''Crash.'''\n    raise RuntimeError('the secret is 42')\n"
    )
    settings_file(Path.home(), "VOICEMODE_TOOLS_ENABLED=crash", "VOICEMODE_AUTO_START=false")
    async with Client(create_server()) as client:
        result = await client.call_tool("crash", {})
    assert result.is_error
    assert text(result) == "crash failed inside VoiceMode; its log has the details."


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import no_such_library", "extra_broken cannot be imported: ModuleNotFoundError"),
        ("def f(:", "extra_broken cannot be imported: SyntaxError"),
        (
            "from voicemode.tools import tool\n@tool\nasync def converse(app):\n    '''Again.'''\n",
            "Two tools are named converse",
        ),
        (
            "from voicemode.tools import tool\n@tool\nasync def wave(app, hand: str):\n    '''Wave.'''\n",
            "wave in voicemode.tools.extra_broken does not describe hand",
        ),
    ],
)
async def test_a_broken_tool_file_fails_loudly_with_its_name(extra_tools: Path, source: str, complaint: str) -> None:
    (extra_tools / "extra_broken.py").write_text(source)
    with pytest.raises(VoiceModeError, match=complaint):
        create_server()


async def test_tools_can_be_allowed_and_denied() -> None:
    async with connect(environment(VOICEMODE_TOOLS_ENABLED="all", VOICEMODE_TOOLS_DISABLED="say,doctor", **QUIET)) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert {"converse", "listen", "transcribe"} <= names
    assert not names & {"say", "doctor"}


WRONG = {
    "value": {"VOICEMODE_PACE": "fast"},
    "tool": {"VOICEMODE_TOOLS_ENABLED": "convers"},
    "scheme": {"VOICEMODE_TTS_BASE_URLS": "parrot://127.0.0.1:7000"},
    "home": {"VOICEMODE_BASE_DIR": "~nobody-at-all/voice"},
}


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        (WRONG["value"], "VOICEMODE_PACE in the environment is 'fast'; it must be one of quick, normal, patient."),
        (WRONG["tool"], "There is no tool named 'convers'."),
        (WRONG["scheme"], "Nothing here makes speech at parrot://"),
        (WRONG["home"], "There is no home directory for '~nobody-at-all/voice'."),
    ],
    ids=WRONG,
)
async def test_with_wrong_settings_it_serves_and_every_call_is_answered_by_what_is_wrong(
    environ: dict[str, str], sentence: str
) -> None:
    async with connect(environment(**environ, **QUIET)) as client:
        assert {"converse", "doctor"} <= {tool.name for tool in (await client.list_tools()).tools}
        for name, arguments in (("converse", {"message": "Hello"}), ("transcribe", {"file": "x.wav"}), ("providers", {})):
            result = await client.call_tool(name, arguments)
            assert result.is_error
            assert text(result).startswith(sentence)
        assert sentence in text(await client.call_tool("doctor", {}))


async def test_a_file_is_mended_while_it_serves(home: Path) -> None:
    settings_file(home, "VOICEMODE_PACE=fast", "VOICEMODE_AUTO_START=false")
    async with connect(environment()) as client:
        wrong = await client.call_tool("providers", {})
        assert "voicemode.env, line 1, is 'fast'" in text(wrong)
        assert text(wrong).endswith("Mend it: voicemode config set VOICEMODE_PACE VALUE")
        settings_file(home, "VOICEMODE_PACE=quick", "VOICEMODE_AUTO_START=false")
        assert not (await client.call_tool("providers", {})).is_error


def test_questions_in_writing_are_known_until_many_others_were_asked() -> None:
    questions = Questions()
    questions.keep({"message": "first"}, "first")
    assert questions.find({"message": "first"}) == "first"
    for number in range(QUESTIONS_KEPT):
        questions.keep({"message": str(number)}, number)
    with pytest.raises(ToolError, match="Ask again"):
        questions.find({"message": "first"})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_at_once(number: signal.Signals) -> None:
    server = await RawServer.start(environment(**QUIET))
    await server.initialize()
    server.process.send_signal(number)
    assert await server.ends(5) == 128 + number


async def test_a_closed_stdin_ends_it() -> None:
    server = await RawServer.start(environment(**QUIET))
    await server.initialize()
    server.stdin.close()
    assert await server.ends(5) == 0


async def test_nothing_but_protocol_is_written_to_stdout() -> None:
    server = await RawServer.start(environment(VOICEMODE_LOG_LEVEL="debug", **QUIET))
    await server.initialize()
    out, _ = await asyncio.wait_for(server.process.communicate(b""), 10)
    for line in out.splitlines():
        assert json.loads(line)["jsonrpc"] == "2.0"


async def test_a_start_imports_only_what_every_start_needs() -> None:
    heavy = {"numpy", "openai", "livekit", "av", "miniaudio", "pyaudio", "sdl2dll", "onnxruntime", "ctranslate2", "tokenizers"}
    heavy |= {"markdown_it"}
    check = f"import sys, voicemode.server, voicemode.tools as t; t.load(); print(*({heavy!r} & set(sys.modules)))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", check, stdout=asyncio.subprocess.PIPE, env=environment()
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert out.strip() == b""


async def test_a_changed_setting_takes_effect_on_the_next_call() -> None:
    async with connect(environment(**QUIET)) as client:
        file = Path(os.environ["HOME"]) / ".voicemode/voicemode.env"
        file.parent.mkdir(exist_ok=True)
        file.write_text("VOICEMODE_TTS_SPEED=99\n")
        result = await client.call_tool("converse", {"message": "hello"})
        assert result.is_error
        assert f"{file}, line 1, is '99'" in text(result)
