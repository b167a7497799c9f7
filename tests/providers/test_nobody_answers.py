"""What an agent gets when nothing can be spoken: over a real connection, in both eras of the protocol."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp.client import Client, ClientRequestContext
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult, ErrorData

from tests.support.agents import speaking_agent
from tests.support.endpoints import (
    Behaviour,
    FakeEndpoint,
    Reply,
    Request,
    answers,
    breaks_off_after,
    endpoint,
    in_turn,
    routes,
    speaks,
)
from tests.support.mcp_client import COMMAND, Progress, connect, text
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.anyio
REFUSES_KEY = answers(401, {"error": {"message": "Incorrect API key provided."}})
QUESTION = "Which file shall I open?"
PCM = bytes(24_000 * 2)
"""A second."""


def voice(behaviour: Behaviour) -> Behaviour:
    return routes({"/v1/audio/speech": behaviour})


@pytest.fixture
async def failing() -> AsyncIterator[FakeEndpoint]:
    """The only voice there is wants a key that it has not been given."""
    async with endpoint(voice(REFUSES_KEY)) as server:
        yield server


@pytest.fixture(params=["legacy", "auto"])
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def settings(server: FakeEndpoint, **extra: str) -> dict[str, str]:
    """Of an agent that may do everything, and has `server` for a voice."""
    return speaking_agent(server.url, VOICEMODE_TOOLS_ENABLED="all", **extra)


class Person:
    """Whoever reads the form that a client shows."""

    def __init__(self, *results: ElicitResult) -> None:
        self._results = list(results)
        self.asked: list[str] = []

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        self.asked.append(params.message)
        return self._results.pop(0)


def writes(answer: str) -> ElicitResult:
    return ElicitResult(action="accept", content={"answer": answer})


async def call(client: Client, tool: str, **arguments: Any) -> CallToolResult:
    async with asyncio.timeout(60):
        return await client.call_tool(tool, arguments)


def reply(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, text(result)
    assert result.structured_content is not None
    return dict(result.structured_content)


def requests(server: FakeEndpoint) -> int:
    return server.paths().count("/v1/audio/speech")


async def test_a_question_that_cannot_be_spoken_is_asked_in_writing(failing: FakeEndpoint, era: str) -> None:
    person = Person(writes("the second one"))
    async with connect(settings(failing), mode=era, elicit=person) as client:
        result = await call(client, "converse", message=QUESTION)
    got = reply(result)
    assert (got["text"], got["ended"], got["unspoken"]) == ("the second one", "in writing", "")
    assert len(person.asked) == 1
    assert person.asked[0].startswith(QUESTION)
    assert text(result).startswith("the second one [The question was asked in writing. No speech service could speak.")


async def test_what_was_asked_in_writing_is_not_tried_again(failing: FakeEndpoint, era: str) -> None:
    async with connect(settings(failing), mode=era, elicit=Person(writes("yes"))) as client:
        await call(client, "converse", message=QUESTION)
        assert requests(failing) == 1


async def test_the_same_question_may_be_asked_again_later(failing: FakeEndpoint, era: str) -> None:
    person = Person(writes("one"), writes("two"))
    async with connect(settings(failing), mode=era, elicit=person) as client:
        got = [reply(await call(client, "converse", message=QUESTION))["text"] for _ in range(2)]
    assert got == ["one", "two"]


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_who_does_not_want_to_write_leaves_the_agent_with_its_text(failing: FakeEndpoint, era: str, action: Any) -> None:
    async with connect(settings(failing), mode=era, elicit=Person(ElicitResult(action=action))) as client:
        got = reply(await call(client, "converse", message=QUESTION))
    assert (got["text"], got["ended"], got["unspoken"]) == ("", "not spoken", QUESTION)


@pytest.mark.parametrize("odd", [ElicitResult(action="accept"), ElicitResult(action="accept", content={"colour": "red"})])
async def test_a_client_that_answers_oddly_leaves_the_agent_with_its_text(
    failing: FakeEndpoint, era: str, odd: ElicitResult
) -> None:
    async with connect(settings(failing), mode=era, elicit=Person(odd)) as client:
        got = reply(await call(client, "converse", message=QUESTION))
    assert (got["text"], got["ended"], got["unspoken"]) == ("", "not spoken", QUESTION)


async def test_a_client_that_fails_to_ask_leaves_the_agent_with_its_text(failing: FakeEndpoint) -> None:
    async def fail(context: ClientRequestContext, params: ElicitRequestParams) -> ErrorData:
        return ErrorData(code=-32603, message="no window to ask in")

    async with connect(settings(failing), mode="legacy", elicit=fail) as client:
        got = reply(await call(client, "converse", message=QUESTION))
    assert (got["text"], got["ended"], got["unspoken"]) == ("", "not spoken", QUESTION)


async def test_a_client_that_cannot_ask_in_writing_gets_the_text_and_what_to_do(failing: FakeEndpoint, era: str) -> None:
    async with connect(settings(failing), mode=era) as client:
        result = await call(client, "converse", message=QUESTION)
    got = reply(result)
    assert (got["text"], got["ended"], got["unspoken"]) == ("", "not spoken", QUESTION)
    assert f"{failing.url} wants a key (401)" in got["note"]
    assert "VOICEMODE_API_KEYS" in got["note"]
    assert any(attempt.startswith(f"tts {failing.url} wants a key") for attempt in got["tried"])
    assert got["provider"] == {}
    assert text(result).startswith(f"Not spoken: {QUESTION}\nNo speech service could speak.\n- ")


async def test_who_gives_up_waiting_leaves_no_request_behind(era: str) -> None:
    asked = asyncio.Event()

    async def hang(_: Request, __: Reply) -> None:
        asked.set()
        await asyncio.Event().wait()

    async with endpoint(voice(hang)) as server, connect(settings(server), mode=era) as client:
        calling = asyncio.create_task(call(client, "say", message="I am done."))
        await asyncio.wait_for(asked.wait(), 60)
        calling.cancel()
        await asyncio.wait_for(server.hung_up.wait(), 10)


async def test_what_is_only_told_is_not_asked_in_writing(failing: FakeEndpoint, era: str) -> None:
    person = Person()
    async with connect(settings(failing), mode=era, elicit=person) as client:
        told = reply(await call(client, "say", message="I am done."))
        waiting = reply(await call(client, "converse", message="I am done.", wait_for_response=False))
    assert person.asked == []
    assert (told["unspoken"], told["ended"]) == (waiting["unspoken"], waiting["ended"]) == ("I am done.", "not spoken")


async def test_only_the_rest_is_asked_in_writing_after_a_part_was_heard() -> None:
    first = "I have read all of the files that you have sent me today. "
    person = Person(writes("the second one"))
    once = in_turn(speaks(PCM * 4), REFUSES_KEY)
    async with endpoint(voice(once)) as server, connect(settings(server), elicit=person) as client:
        got = reply(await call(client, "converse", message=first + QUESTION))
    assert person.asked[0].startswith(QUESTION)
    assert got["text"] == "the second one"
    assert got["provider"] == {"tts": server.url}


async def test_a_sentence_that_broke_off_is_named_and_what_follows_is_still_heard() -> None:
    first = "I have read all of the files that you have sent me today."
    once = in_turn(breaks_off_after(PCM), speaks(PCM))
    async with endpoint(voice(once)) as server, connect(settings(server)) as client:
        result = await call(client, "say", message=f"{first} They are fine.")
    got = reply(result)
    assert (got["ended"], got["unspoken"]) == ("not asked", first)
    assert text(result).startswith(f"Speech broke off: {server.url}")
    assert text(result).endswith(f"\nNot spoken: {first}")
    assert [attempt for attempt in got["tried"] if "broke off" in attempt]


async def test_the_client_hears_of_it_while_the_person_writes(failing: FakeEndpoint) -> None:
    progress = Progress()

    async def slowly(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        await progress.reached("asking in writing")
        return writes("yes")

    async with connect(settings(failing), mode="legacy", elicit=slowly) as client:
        async with asyncio.timeout(60):
            result = await client.call_tool("converse", {"message": QUESTION}, progress_callback=progress)
    assert reply(result)["text"] == "yes"


async def test_a_speaker_that_cannot_be_opened_leaves_the_text(failing: FakeEndpoint) -> None:
    nowhere = {"VOICEMODE_AUDIO_BACKEND": "miniaudio", "PULSE_SERVER": "unix:/no/such", "ALSA_CONFIG_PATH": "/dev/null"}
    failing.behaviour = voice(speaks(PCM))
    environ = settings(failing) | nowhere | {"PYTHONPATH": str(REPOSITORY)}
    async with connect(environ) as client:
        got = reply(await call(client, "say", message="I am done."))
    assert (got["ended"], got["unspoken"]) == ("not spoken", "I am done.")
    assert "speaker" in got["note"].lower()


async def test_on_the_command_line_the_text_is_printed_and_the_exit_code_is_1(failing: FakeEndpoint) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "say", "I am done.", stdout=pipe, stderr=pipe, env=settings(failing)
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert out.decode().startswith("Not spoken: I am done.\nNo speech service could speak.")


async def test_on_the_command_line_it_is_data_too(failing: FakeEndpoint) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "converse", QUESTION, "--json", stdout=pipe, stderr=pipe, env=settings(failing)
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert json.loads(out)["unspoken"] == QUESTION
