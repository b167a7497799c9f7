"""The list of speech services, as data and as a table."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.agents import speaking_agent
from tests.support.endpoints import FakeEndpoint, answers, endpoint, routes, speech_api, transcribes
from tests.support.mcp_client import connect, text
from voicemode.audio.frames import silence
from voicemode.audio.wav import wav_bytes
from voicemode.errors import NO_REMEDY
from voicemode.providers.choice import Row
from voicemode.speech.base import Offer
from voicemode.tools.providers import COLUMNS, ProviderTable, condition, sent

pytestmark = pytest.mark.anyio


def row(**changes: Any) -> Row:
    well: dict[str, Any] = {
        "kind": "tts",
        "name": "http://127.0.0.1:8880/v1",
        "source": "local",
        "place": "this machine",
        "paid": False,
        "sends_key": False,
        "state": "closed",
        "resting_seconds": 0.0,
        "failures": 0,
        "last_error": "",
        "remedy": NO_REMEDY,
        "requests": 12,
        "errors": 0,
        "hedged": 0,
        "outstanding": 0,
        "p50_seconds": 0.21,
        "p95_seconds": 0.4,
        "offer": Offer(),
        "format": "pcm",
        "chosen": True,
        "why": "it is on this machine",
    }
    return Row(**(well | changes))


CLOUD = row(
    name="https://api.openai.com/v1",
    source="cloud",
    place="the internet",
    paid=True,
    sends_key=True,
    state="open",
    resting_seconds=42.0,
    failures=3,
    last_error="https://api.openai.com/v1 did not accept the key (401): Incorrect API key provided.",
    requests=3,
    errors=3,
    p50_seconds=None,
    p95_seconds=None,
    chosen=False,
    why="",
)


def listing(*rows: Row, answer: str = "", local_only: bool = False, problems: tuple[str, ...] = ()) -> ProviderTable:
    return ProviderTable(
        list(rows), [sent(one) for one in rows], [answer] * len(rows) if answer else [], local_only, list(problems)
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "well"),
        ({"requests": 0}, "not asked yet"),
        ({"failures": 1}, "failing"),
        ({"state": "open", "resting_seconds": 41.7}, "rests 42 s"),
        ({"state": "half-open"}, "being tried"),
        ({"resting_seconds": 5.0}, "busy 5 s"),
    ],
)
def test_health_is_told_in_words(changes: dict[str, Any], words: str) -> None:
    assert condition(row(**changes)) == words


def test_what_is_sent_where_is_told_in_words() -> None:
    assert sent(row(kind="stt")) == "your voice → this machine"
    assert sent(CLOUD) == "text to speak → https://api.openai.com/v1 (the internet), with a key; costs money"
    assert sent(row(name="http://nas:9/v1", place="your network")) == "text to speak → http://nas:9/v1 (your network)"


def test_the_table_tells_the_order_and_why_and_the_figures() -> None:
    assert str(listing(row(), CLOUD)) == (
        "To hear, asked in order                         health             p50     p95   requests  errors\n"
        "  nobody\n"
        "To speak, asked in order                        health             p50     p95   requests  errors\n"
        "→ http://127.0.0.1:8880/v1                      well            0.21 s  0.40 s         12       0\n"
        "    asked first: it is on this machine\n"
        "    text to speak → this machine\n"
        "  https://api.openai.com/v1                     rests 42 s           -       -          3       3\n"
        "    text to speak → https://api.openai.com/v1 (the internet), with a key; costs money\n"
        "    last error: did not accept the key (401): Incorrect API key provided.\n"
        "VOICEMODE_LOCAL_ONLY is off."
    )


def test_the_table_fits_whatever_has_to_be_told() -> None:
    long = row(
        name="https://speech.example/" + "x" * 200, place="the internet", last_error="it failed " * 60, requests=1_234_567
    )
    answer, problem = "answers; models: " + "tts-1, " * 40, "bad.py: " + "why " * 60
    told = str(listing(long, answer=answer, local_only=True, problems=(problem,)))
    assert max(len(line) for line in told.splitlines()) <= COLUMNS
    assert told.endswith("VOICEMODE_LOCAL_ONLY is on: nothing leaves this machine.")
    assert "could not be loaded: bad.py" in told


@pytest.fixture
async def server() -> AsyncIterator[FakeEndpoint]:
    async with endpoint(speech_api(pcm=bytes(48_000))) as running:
        yield running


def settings(server: FakeEndpoint) -> dict[str, str]:
    return speaking_agent(server.url)


async def test_an_agent_sees_who_has_spoken_how_often_and_what_each_says_now(server: FakeEndpoint) -> None:
    async with connect(settings(server)) as client:
        await client.call_tool("converse", {"message": "Hello.", "wait_for_response": False})
        result = await client.call_tool("providers", {"check": True})
    assert result.structured_content is not None
    rows, answers = result.structured_content["rows"], result.structured_content["answers"]
    spoke = next(one for one in rows if one["name"] == server.url)
    assert (spoke["kind"], spoke["chosen"], spoke["requests"], spoke["errors"]) == ("tts", True, 1, 0)
    assert spoke["p50_seconds"] > 0
    assert len(answers) == len(rows)
    assert answers[rows.index(spoke)].startswith("answers")
    assert "now: " in text(result)


async def test_who_is_found_down_is_asked_after_others_from_now_on(server: FakeEndpoint) -> None:
    async with endpoint(speech_api(pcm=bytes(48_000))) as other:
        environ = settings(server) | {"VOICEMODE_TTS_BASE_URLS": f"{server.url},{other.url}"}
        async with connect(environ) as client:
            await client.call_tool("converse", {"message": "Hello.", "wait_for_response": False})
            await server.stop()
            listed = await client.call_tool("providers", {"check": True})
    assert listed.structured_content is not None
    rows = [row for row in listed.structured_content["rows"] if row["kind"] == "tts"]
    assert [row["name"] for row in rows if row["chosen"]] == [other.url]
    assert "last error" not in text(listed)


async def test_an_agent_is_told_why_it_was_this_endpoint(server: FakeEndpoint) -> None:
    async with connect(settings(server)) as client:
        result = await client.call_tool("converse", {"message": "Hello.", "wait_for_response": False})
    assert result.structured_content is not None
    assert result.structured_content["why"] == {"tts": "the first of your endpoints"}


async def test_a_transcription_says_what_was_not_had_as_asked_for(server: FakeEndpoint, tmp_path: Path) -> None:
    recording = tmp_path / "turn.wav"
    recording.write_bytes(wav_bytes(silence(0.5, 16_000)))
    server.behaviour = routes(
        {"/v1/audio/transcriptions": transcribes("hello"), "/v1/models": answers(200, {"data": [{"id": "whisper-base.en"}]})}
    )
    environ = settings(server) | {"VOICEMODE_STT_BASE_URLS": server.url}
    async with connect(environ) as client:
        result = await client.call_tool("transcribe", {"file": str(recording), "language": "de"})
    assert result.structured_content == {
        "text": "hello",
        "provider": server.url,
        "note": f"{server.url} has no language de; it did what it could.",
    }


async def test_nobody_is_asked_without_need(server: FakeEndpoint) -> None:
    async with connect(settings(server)) as client:
        await client.call_tool("converse", {"message": "Hello.", "wait_for_response": False})
        before = server.paths()
        result = await client.call_tool("providers", {})
        assert server.paths() == before
    assert result.structured_content is not None
    assert result.structured_content["answers"] == []


async def test_a_provider_file_that_cannot_be_loaded_is_named_with_its_reason(server: FakeEndpoint, home: Path) -> None:
    folder = home / ".voicemode/providers"
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text("import no_such_library\n")
    async with connect(settings(server)) as client:
        listed = text(await client.call_tool("providers", {}))
        examined = text(await client.call_tool("doctor", {}))
    assert "mine.py" in listed
    assert "no_such_library" in listed
    assert "mine.py: could not be loaded: " in " ".join(examined.split())


async def test_doctor_tells_how_an_endpoint_has_done(server: FakeEndpoint) -> None:
    async with connect(settings(server)) as client:
        await client.call_tool("converse", {"message": "Hello.", "wait_for_response": False})
        result = await client.call_tool("doctor", {})
    assert result.structured_content is not None
    checks = {check["name"]: check for check in result.structured_content["checks"]}
    assert "well; requests: 1, errors: 0; begins to answer within" in checks[f"tts {server.url}"]["detail"]
    assert checks["local only"]["detail"] == "off"
    assert json.dumps(checks)
