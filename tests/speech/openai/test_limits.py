"""The speech client against a server that fails in every way: the right error, in time, and nothing lost or sent twice."""

import asyncio
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
import trustme

from tests.support.chaos import HARMLESS, RATE, SLOW, Chaos, Fault, chaos, sentences_in
from tests.support.endpoints import (
    Reply,
    Request,
    answers,
    bound,
    endpoint,
    hangs_after,
    in_turn,
    outside_address,
    routes,
    speech_api,
)
from voicemode.audio.frames import Frame, closing
from voicemode.config import Settings
from voicemode.errors import NoConnectionError, ProviderError, RefusedKeyError, UnreachableError
from voicemode.http_client.client import open_http
from voicemode.speech.base import Voice
from voicemode.speech.openai.address import Endpoint
from voicemode.speech.openai.client import SpeechClient

pytestmark = pytest.mark.anyio

BRISK = Settings(connect_timeout_local=2.0, first_byte_timeout=0.3, idle_timeout=0.3, answer_timeout=1.0)
SLACK_SECONDS = 3.0
"""What a busy machine may add."""
MOMENT = Frame(bytes(3200), 16_000)
KEY = "sk-very-secret"
SENTENCE = "The quick brown fox jumps over the lazy dog."


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with open_http() as http:
        yield http


@pytest.fixture
async def server() -> AsyncIterator[Chaos]:
    async with chaos() as server:
        yield server


def client(server: Chaos, http: httpx2.AsyncClient, settings: Settings = BRISK, key: str = "") -> SpeechClient:
    return SpeechClient(Endpoint(server.url, key), http, settings)


async def heard(speech: SpeechClient, text: str = SENTENCE) -> list[str]:
    pcm = b"".join([frame.pcm async for frame in speech.synthesize(text, Voice())])
    return sentences_in(pcm)


async def transcribed(speech: SpeechClient) -> str:
    return (await speech.transcribe(MOMENT)).text


Job = Callable[[SpeechClient], Awaitable[object]]
JOBS = pytest.mark.parametrize("job", [heard, transcribed])


async def failure(asking: Awaitable[object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await asking
    return caught.value


SAID = {
    Fault.REFUSES: "is not reachable",
    Fault.HANGS: "did not begin to answer within 0",
    Fault.HANGS_MIDWAY: "stopped answering within 0.3 s",
    Fault.DRIPS: "did not finish its answer within 1",
    Fault.DRIPS_HEADER: "did not begin to answer within 0",
    Fault.CLOSES: "broke off",
    Fault.RESETS: "broke off",
    Fault.RESETS_MIDWAY: "broke off",
    Fault.TRUNCATES: "broke off",
    Fault.CLAIMS_MORE: "broke off",
    Fault.HTML: "an HTML page",
    Fault.UNAUTHORISED: r"wants a key \(401\)",
    Fault.BUSY: r"too often .*\(429\)",
    Fault.BUSY_FOR_A_WHILE: r"too often .*\(429\)",
    Fault.BROKEN: r"\(500\): It broke",
    Fault.UNAVAILABLE: r"\(503\): Loading",
    Fault.REDIRECTS: r"has moved \(307\)",
}


@JOBS
@pytest.mark.parametrize("fault", SAID)
async def test_every_failure_is_told_in_time(server: Chaos, http: httpx2.AsyncClient, fault: Fault, job: Job) -> None:
    speech = client(server, http)
    await speech.learn()
    await server.become(fault)
    begun = time.monotonic()
    error = await failure(job(speech))
    assert time.monotonic() - begun < (BRISK.answer_timeout if fault in SLOW else 0) + SLACK_SECONDS
    await server.become(Fault.NONE)
    assert await job(speech)
    with pytest.raises(ProviderError, match=SAID[fault]):
        raise error


def test_no_fault_is_forgotten_here() -> None:
    assert set(Fault) == set(SAID) | HARMLESS | {Fault.CLAIMS_LESS}


async def test_a_body_longer_than_its_header_says_is_no_transcript_and_spoils_no_more_than_one_answer(
    server: Chaos, http: httpx2.AsyncClient
) -> None:
    speech = client(server, http)
    await server.become(Fault.CLAIMS_LESS)
    assert "something other than a transcript" in (await failure(transcribed(speech))).message
    await server.become(Fault.NONE)
    with suppress(ProviderError):
        # What was too much may be taken for the next answer; that cannot be told from a server's own nonsense.
        await transcribed(speech)
    assert await transcribed(speech) == "hello"


async def test_samples_cut_in_two_are_put_together(server: Chaos, http: httpx2.AsyncClient) -> None:
    await server.become(Fault.ODD)
    assert await heard(client(server, http)) == [SENTENCE]


async def test_a_key_that_is_not_accepted_and_a_busy_server_are_told_apart(server: Chaos, http: httpx2.AsyncClient) -> None:
    await server.become(Fault.UNAUTHORISED)
    assert isinstance(await failure(heard(client(server, http, key=KEY))), RefusedKeyError)
    await server.become(Fault.BUSY_FOR_A_WHILE)
    assert (await failure(heard(client(server, http)))).retry_after_seconds == 1
    await server.become(Fault.BUSY)
    assert (await failure(heard(client(server, http)))).retry_after_seconds is None


async def test_a_list_that_drips_is_given_up_after_a_second(server: Chaos, http: httpx2.AsyncClient) -> None:
    server.lists_too = True
    await server.become(Fault.DRIPS)
    begun = time.monotonic()
    await client(server, http, replace(BRISK, idle_timeout=30, answer_timeout=60)).learn()
    assert time.monotonic() - begun < 1 + SLACK_SECONDS


async def test_a_long_recording_is_given_its_length_more(http: httpx2.AsyncClient) -> None:
    async with endpoint(routes({"/v1/audio/transcriptions": hangs_after()})) as server:
        speech = SpeechClient(Endpoint(server.url), http, BRISK)
        error = await failure(speech.transcribe(Frame(bytes(16_000), 16_000)))
    assert "within 0.8 s" in error.message
    assert "VOICEMODE_FIRST_BYTE_TIMEOUT" in str(error.hint)


async def test_a_file_is_waited_for_longer_than_a_turn(http: httpx2.AsyncClient, tmp_path: Path) -> None:
    path = tmp_path / "talk.ogg"
    path.write_bytes(b"talk")
    finish = asyncio.Event()

    async def slow(_: Request, reply: Reply) -> None:
        await finish.wait()
        await answers(200, "Hello")(_, reply)

    brisk = replace(BRISK, first_byte_timeout=0.1, idle_timeout=0.1)
    async with endpoint(routes({"/v1/audio/transcriptions": slow})) as server:
        task = asyncio.create_task(SpeechClient(Endpoint(server.url), http, brisk).transcribe_file(path))
        done, _ = await asyncio.wait([task], timeout=0.5)
        assert not done
        finish.set()
        assert await task == "Hello"


async def test_time_the_listener_takes_is_not_held_against_the_endpoint(server: Chaos, http: httpx2.AsyncClient) -> None:
    server.letter_samples = 2000
    speech = client(server, http, replace(BRISK, answer_timeout=0.5, idle_timeout=0.1))
    pcm = b""
    async for frame in speech.synthesize(SENTENCE, Voice()):
        pcm += frame.pcm
        await asyncio.sleep(0.15 if len(pcm) < RATE else 0)
    assert sentences_in(pcm, server.letter_samples) == [SENTENCE]


async def test_an_endless_text_is_an_error(http: httpx2.AsyncClient) -> None:
    async def endless(_: Request, reply: Reply) -> None:
        await reply.start("application/json")
        while True:
            await reply.chunk(bytes(1_000_000))

    async with endpoint(routes({"/v1/audio/transcriptions": endless})) as server:
        patient = replace(BRISK, answer_timeout=30)
        assert (
            "does not come to an end" in (await failure(transcribed(SpeechClient(Endpoint(server.url), http, patient)))).message
        )


# --- connections ---


async def test_twenty_turns_need_one_connection(server: Chaos, http: httpx2.AsyncClient) -> None:
    speech = client(server, http)
    for _ in range(20):
        assert await transcribed(speech) == "hello"
        assert await heard(speech) == [SENTENCE]
    assert server.connections <= 2


async def test_speech_that_is_left_early_does_not_cost_the_connection_if_all_of_it_was_here(
    server: Chaos, http: httpx2.AsyncClient
) -> None:
    server.letter_samples = 500
    speech = client(server, http)
    await speech.learn()
    for _ in range(10):
        async with closing(speech.synthesize(SENTENCE, Voice())) as frames:
            await anext(frames)
    assert server.connections <= 5  # a busy machine may take longer to say that it was all


async def test_errors_do_not_cost_the_connection(server: Chaos, http: httpx2.AsyncClient) -> None:
    speech = client(server, http)
    await server.become(Fault.BROKEN)
    for _ in range(5):
        await failure(heard(speech))
    assert server.connections <= 2


async def test_what_broke_over_a_new_connection_is_not_asked_again(server: Chaos, http: httpx2.AsyncClient) -> None:
    server.lists_too = True
    await server.become(Fault.CLOSES)
    await failure(client(server, http).check())
    assert server.asked == {"models": 1}


async def test_what_broke_within_an_answer_is_not_asked_again(server: Chaos, http: httpx2.AsyncClient) -> None:
    speech = client(server, http)
    assert await transcribed(speech)
    await server.become(Fault.TRUNCATES)
    await failure(transcribed(speech))
    assert server.asked["audio/transcriptions"] == 2


async def test_nonsense_over_a_kept_connection_is_not_asked_again(http: httpx2.AsyncClient) -> None:
    async def babble(_: Request, reply: Reply) -> None:
        await reply.raw(b"what?\r\n\r\n")

    async with endpoint(speech_api()) as server:
        speech = SpeechClient(Endpoint(server.url), http, BRISK)
        await transcribed(speech)
        server.behaviour = in_turn(babble, speech_api())
        assert "broke off" in (await failure(transcribed(speech))).message


async def test_no_cookie_comes_back(http: httpx2.AsyncClient) -> None:
    async with endpoint(answers(200, {"text": ""}, set_cookie="who=you; Path=/")) as server:
        speech = SpeechClient(Endpoint(server.url), http, BRISK)
        await transcribed(speech)
        await transcribed(speech)
    assert all("cookie" not in request.headers for request in server.requests)


# --- where keys and voices go ---


@JOBS
async def test_a_redirect_takes_neither_key_nor_voice_elsewhere(http: httpx2.AsyncClient, job: Job) -> None:
    async with chaos() as thief, chaos(elsewhere=thief.url) as server:
        await server.become(Fault.REDIRECTS)
        error = await failure(job(client(server, http, key=KEY)))
        assert thief.url in str(error.hint)
        assert thief.connections == 0
        assert server.keys == {KEY}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def certified(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_a_certificate_nobody_vouches_for_is_told_with_the_setting(
    http: httpx2.AsyncClient, authority: trustme.CA
) -> None:
    async with chaos(tls=certified(authority)) as server:
        error = await failure(transcribed(client(server, http, key=KEY)))
        assert not server.keys
    assert "certificate of https://localhost" in error.message
    assert "SSL_CERT_FILE" in str(error.hint)
    assert not isinstance(error, UnreachableError)
    assert not error.transient


async def test_a_certificate_for_another_name_is_not_trusted(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with chaos(tls=certified(authority, "other.test")) as server, open_http() as http:
        assert "is not trusted" in (await failure(transcribed(client(server, http, key=KEY)))).message
        assert not server.keys


async def test_an_authority_of_ones_own_is_trusted_by_the_setting(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with chaos(tls=certified(authority)) as server, open_http() as http:
        assert await transcribed(client(server, http, key=KEY)) == "hello"
        assert server.keys == {KEY}
        assert server.connections <= 2


async def test_a_server_without_tls_at_an_https_url_is_told_so(http: httpx2.AsyncClient) -> None:
    async def wonder(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(wonder, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        error = await failure(transcribed(SpeechClient(Endpoint(url), http, BRISK)))
    assert "http://" in str(error.hint)
    assert not isinstance(error, UnreachableError)


# --- where nobody accepts a connection ---


@pytest.fixture
def full() -> Iterator[str]:
    """The base URL of a server that is too busy to accept any connection: Linux drops what asks for one."""
    if sys.platform != "linux":
        pytest.skip("other systems refuse")
    with ExitStack() as stack:
        server = stack.enter_context(bound("127.0.0.1"))
        server.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@JOBS
async def test_who_accepts_no_connection_is_left_after_one_limit(http: httpx2.AsyncClient, full: str, job: Job) -> None:
    speech = SpeechClient(Endpoint(full), http, replace(BRISK, connect_timeout_local=1.0))
    begun = time.monotonic()
    error = await failure(job(speech))
    assert 0.9 < time.monotonic() - begun < 1.9
    assert isinstance(error, NoConnectionError)
    assert not isinstance(error, UnreachableError)
    assert "did not accept a connection within 1 s" in error.message


async def test_learning_from_who_accepts_no_connection_takes_a_second(http: httpx2.AsyncClient, full: str) -> None:
    begun = time.monotonic()
    await SpeechClient(Endpoint(full), http, replace(BRISK, connect_timeout_local=30)).learn()
    assert time.monotonic() - begun < 1 + SLACK_SECONDS


async def test_a_key_is_not_sent_in_the_clear_to_another_machine(http: httpx2.AsyncClient) -> None:
    async with endpoint(speech_api(), host=outside_address()) as outside, chaos() as here:
        settings = replace(BRISK, api_keys=(f"{outside.url}={KEY}", f"{here.url}={KEY}"))
        for url in outside.url, here.url:
            await transcribed(SpeechClient(Endpoint(url, settings.key_for(url)), http, settings))
        assert all("authorization" not in request.headers for request in outside.requests)
        assert here.keys == {KEY}
