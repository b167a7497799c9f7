"""Finding the speech servers of this machine: real ones on real ports, and whatever else may listen there."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.endpoints import Behaviour, Reply, Request, answers, endpoint, hangs_after, hangs_up, routes, speech_api
from voicemode.config import Settings
from voicemode.http_client.bare import MAX_BYTES, BareResponse, get, understand
from voicemode.providers.discovery import LOOK_SECONDS, MODELS, VOICES, Found, Spot, discover, judge
from voicemode.providers.port_owners import Listeners, ListeningSocket, by_process, listeners, may_be_asked, parse_table
from voicemode.speech.base import Offer

pytestmark = pytest.mark.anyio

MINE = os.getuid() if os.name == "posix" else 0
LITTLE_ENDIAN = pytest.mark.skipif(sys.byteorder == "big", reason="the kernel writes addresses as its own numbers")
Ask = Callable[[], Awaitable[Listeners]]
GRACE_SECONDS = 0.7
"""What a slow test machine may take longer than promised."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def looking_at(*urls: str, whisper: str = "", kokoro: str = "") -> Settings:
    """Settings that look at the ports of `urls` and nowhere else."""
    ours = [port_of(url) if url else free_port() for url in (whisper, kokoro)]
    ports = tuple(str(port_of(url)) for url in urls)
    return Settings(whisper_port=ours[0], kokoro_port=ours[1], discover_ports=ports)


def port_of(url: str) -> int:
    return int(url.removesuffix("/v1").rpartition(":")[2])


async def look(settings: Settings, known: Sequence[Found] = (), ask: Ask = listeners, limit_seconds: float = 10) -> list[Found]:
    """With patience, for the machine that tests run on may be slow."""
    return await discover(settings, known, ask, limit_seconds)


def models(*names: str) -> object:
    return {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}


def server(listed: object, voices: object = None) -> Behaviour:
    table = {MODELS: answers(200, listed)}
    return routes(table | ({VOICES: answers(200, voices)} if voices is not None else {}))


async def test_servers_that_nobody_named_are_found() -> None:
    async with AsyncExitStack() as stack:
        whisper = await stack.enter_async_context(endpoint(server(models("whisper-1"))))
        kokoro = await stack.enter_async_context(endpoint(server(models("kokoro"), {"voices": ["af_sky"]})))
        both = await stack.enter_async_context(endpoint(speech_api()))
        found = await look(looking_at(both.url, whisper=whisper.url, kokoro=kokoro.url))
    assert found == [
        Found("stt", whisper.url, Offer(models=("whisper-1",))),
        Found("tts", kokoro.url, Offer(models=("kokoro",), voices=("af_sky",))),
        Found("stt", both.url, Offer(models=("whisper-1",))),
        Found("tts", both.url, Offer(models=("tts-1",), voices=("af_sky",))),
    ]


async def hears(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps(models("parakeet")).encode())
    await writer.drain()
    writer.close()


@pytest.mark.parametrize(("hosts", "found_at"), [(["::1"], "[::1]"), (["127.0.0.1", "::1"], "127.0.0.1")])
async def test_a_server_is_found_once_at_the_first_address_it_has(hosts: list[str], found_at: str) -> None:
    port = free_port()
    try:
        running = await asyncio.start_server(hears, hosts, port)
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with running:
        found = await look(looking_at(f"http://127.0.0.1:{port}"))
    assert [one.url for one in found] == [f"http://{found_at}:{port}/v1"]


async def test_a_port_named_twice_is_one_server() -> None:
    async with endpoint(speech_api()) as server:
        found = await look(looking_at(server.url, server.url, whisper=server.url))
    assert [one.kind for one in found] == ["stt", "tts"]


async def test_nothing_is_asked_where_nobody_listens() -> None:
    assert await look(looking_at()) == []


MEGABYTES = b"[" + b'"whisper",' * 1_000_000


async def garbage(_: Request, reply: Reply) -> None:
    await reply.raw(b"\x00\xff\r\n\r\n\r\n")


async def too_much(_: Request, reply: Reply) -> None:
    await reply.start("application/json")
    while True:
        await reply.chunk(MEGABYTES)


@pytest.mark.parametrize(
    "behaviour",
    [
        hangs_after(),
        hangs_after(b'{"data": [{"id": "whisper-1"}'),
        hangs_up,
        garbage,
        too_much,
        answers(200, "<html><title>whisper</title></html>"),
        answers(200, b'{"data": [{"id": "whisper-1"'),
        answers(200, b"[" * 100_000),
        answers(200, {"data": "whisper-1"}),
        answers(200, {"data": [{"id": 7}, "whisper", None]}),
        answers(200, ["whisper-1"]),
        answers(401, models("whisper-1")),
        answers(302, models("whisper-1"), location="https://evil.example/"),
        server(models("qwen3-4b", "llama-3.3", "voices-of-reason", "text-embedding-3")),
    ],
)
async def test_whatever_else_listens_is_survived_in_time(behaviour: Behaviour) -> None:
    async with endpoint(behaviour) as stranger, endpoint(speech_api()) as friend:
        began = time.perf_counter()
        found = await look(looking_at(stranger.url, friend.url), limit_seconds=1)
        seconds = time.perf_counter() - began
    assert {one.url for one in found} == {friend.url}
    assert seconds < 1 + GRACE_SECONDS


async def test_no_connection_and_no_task_stays_behind() -> None:
    async with endpoint(hangs_after()) as server:
        before = asyncio.all_tasks()
        await discover(looking_at(server.url))
        await asyncio.wait_for(server.hung_up.wait(), 5)
        assert {task for task in asyncio.all_tasks() - before if "endpoints.py" not in repr(task)} == set()


async def test_a_server_too_busy_to_answer_stays_what_it_was() -> None:
    async with endpoint(speech_api()) as server:
        settings = looking_at(server.url)
        known = await look(settings)
        server.behaviour = hangs_after()
        assert await look(settings, known, limit_seconds=LOOK_SECONDS) == known
        server.behaviour = answers(500, "broken")
        assert await look(settings, known) == []
    assert await look(settings, known) == []


async def test_a_system_that_is_slow_to_tell_who_listens_holds_nobody_up() -> None:
    async def never() -> Listeners:
        await asyncio.Event().wait()
        return ()

    known = [Found("stt", "http://127.0.0.1:8000/v1")]
    assert await asyncio.wait_for(discover(Settings(), known, never), LOOK_SECONDS + GRACE_SECONDS) == known


async def test_a_server_of_somebody_else_is_not_even_asked() -> None:
    async with endpoint(speech_api()) as server:

        async def tell() -> Listeners:
            return [ListeningSocket("127.0.0.1", port_of(server.url), trusted=False)]

        assert await look(looking_at(server.url), ask=tell) == []
        assert server.connections == 0


@pytest.mark.skipif(not Path("/proc/net/tcp").exists() or os.name != "posix" or MINE != 0, reason="only root can become others")
def test_the_port_of_another_user_is_told_from_ours() -> None:
    bind = "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    command = [sys.executable, "-c", f"import os, socket; os.setuid(65534); {bind}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        port = int(other.stdout.readline())
        there = asyncio.run(listeners())
        other.kill()
    assert not may_be_asked(there, "127.0.0.1", port)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the system does not tell")
async def test_our_own_port_is_ours_by_either_way_of_asking() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert may_be_asked(await listeners(), "127.0.0.1", port)
        assert may_be_asked(await asyncio.to_thread(by_process), "127.0.0.1", port)
        assert not may_be_asked(await listeners(), "::1", port)


TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 0100007F:1F91 0100007F:D582 01 00000000:00000000 00:00000000 00000000  1000        0 3 1 0 100 0 0 10 0
   3: 0100007F:138D 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 4 1 0 100 0 0 10 0
   nonsense
   4: 0100007F:xyz  00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 5 1 0 100 0 0 10 0
"""
TABLE6 = """\
  sl  local_address   remote_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 00000000000000000000000001000000:1F40 00000000000000000000000000000000:0000 0A 00000000:00000000 00:0 0  1000
   1: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:0 0  1000
   2: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:0 0  1001
"""


@LITTLE_ENDIAN
def test_the_kernels_table_tells_who_listens() -> None:
    assert list(parse_table(TABLE, (1000, 0))) == [
        ListeningSocket("127.0.0.1", 8000, trusted=True),
        ListeningSocket("0.0.0.0", 8080, trusted=True),  # noqa: S104 - compared with
        ListeningSocket("127.0.0.1", 5005, trusted=False),
    ]
    assert list(parse_table(TABLE6, (1000, 0))) == [
        ListeningSocket("::1", 8000, trusted=True),
        ListeningSocket("::", 8081, trusted=True),
        ListeningSocket("::ffff:127.0.0.1", 8082, trusted=False),
    ]
    assert list(parse_table("", (0,))) == []


ANY = "0.0.0.0"  # noqa: S104 - compared with


@pytest.mark.parametrize(
    ("there", "host", "asked"),
    [
        ([], "127.0.0.1", False),
        ([("127.0.0.1", True)], "127.0.0.1", True),
        ([("127.0.0.1", True)], "::1", False),
        ([("::1", True)], "127.0.0.1", False),
        ([(ANY, True)], "127.0.0.1", True),
        ([("::", True)], "127.0.0.1", True),
        ([("::", True)], "::1", True),
        ([("::ffff:127.0.0.1", True)], "127.0.0.1", True),
        ([("192.168.1.5", True)], "127.0.0.1", False),
        ([(ANY, True), ("127.0.0.1", False)], "127.0.0.1", False),
        ([("127.0.0.1", True), ("::", False)], "127.0.0.1", False),
        ([("192.168.1.5", False), ("127.0.0.1", True)], "127.0.0.1", True),
    ],
)
def test_whoever_could_get_what_is_sent_has_to_be_trusted(there: Sequence[tuple[str, bool]], host: str, asked: bool) -> None:
    known = [ListeningSocket(address, 8000, trusted) for address, trusted in there] + [
        ListeningSocket(host, 9000, trusted=True)
    ]
    assert may_be_asked(known, host, 8000) is asked


def test_where_the_system_does_not_tell_everybody_may_be_asked() -> None:
    assert may_be_asked(None, "127.0.0.1", 8000)


SPOT = Spot("127.0.0.1", 8000)


def kinds(listed: object, voices: object = None) -> list[str]:
    return [one.kind for one in judge(SPOT, {(SPOT, MODELS): listed, (SPOT, VOICES): voices})]


@pytest.mark.parametrize(
    ("name", "job"),
    [
        ("whisper-1", ["stt"]),
        ("Systran/faster-distil-whisper-small.en", ["stt"]),
        ("openai/gpt-4o-transcribe", ["stt"]),
        ("nvidia/parakeet-tdt-0.6b-v3", ["stt"]),
        ("mistralai/Voxtral-Mini-3B", ["stt"]),
        ("fun-asr", ["stt"]),
        ("canary-1b", ["stt"]),
        ("tts-1-hd", ["tts"]),
        ("gpt-4o-mini-tts", ["tts"]),
        ("speaches-ai/Kokoro-82M-v1.0-ONNX", ["tts"]),
        ("chatterbox-tts-1", ["tts"]),
        ("coqui/XTTS-v2", ["tts"]),
        ("piper-en_US-amy", ["tts"]),
        ("orpheus-3b-0.1-ft-q4.gguf", []),
        ("OuteTTS-0.2-500M.gguf", []),
        ("qwen3-4b-instruct", []),
        ("gpt-oss-20b", []),
        ("lasrn", []),
    ],
)
def test_the_name_of_a_model_tells_its_job(name: str, job: list[str]) -> None:
    assert kinds(models(name)) == job


def test_a_model_that_says_its_job_is_believed_before_its_name() -> None:
    listed = [{"id": "mine", "task": "automatic-speech-recognition"}, {"id": "whisper-chat", "task": "text-generation"}]
    assert judge(SPOT, {(SPOT, MODELS): {"data": listed}, (SPOT, VOICES): None}) == [
        Found("stt", SPOT.url, Offer(models=("mine",)))
    ]
    assert kinds({"data": [{"id": "mine", "task": "text-to-speech"}]}) == ["tts"]


def test_voices_make_a_speaker_but_a_server_that_answers_all_paths_alike_is_none() -> None:
    assert kinds(None, {"status": "ok", "voices": ["tara"]}) == ["tts"]
    assert kinds(None, {"voices": []}) == []
    assert kinds(models("qwen3"), models("qwen3")) == []


def test_what_was_known_holds_for_the_job_that_was_not_told_in_time() -> None:
    known = [Found("stt", SPOT.url, Offer(models=("old",))), Found("tts", SPOT.url), Found("tts", "http://127.0.0.1:1/v1")]
    assert judge(SPOT, {(SPOT, MODELS): models("whisper-1")}, known) == [
        Found("stt", SPOT.url, Offer(models=("whisper-1",))),
        Found("tts", SPOT.url),
    ]


@pytest.mark.parametrize(
    ("received", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", BareResponse(200, b"{}", complete=True)),
        (b"HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\n{}", BareResponse(503, b"{}", complete=False)),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", BareResponse(200, b"{}", complete=False)),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n",
            BareResponse(200, b"{}", complete=True),
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\nzz", BareResponse(200, b"{", complete=False)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}", BareResponse(200, b"", complete=False)),
        (b"HTTP/1.1 2x0 OK\r\n\r\n{}", BareResponse(0, b"HTTP/1.1 2x0 OK\r\n\r\n{}", complete=False)),
        (b"SSH-2.0-OpenSSH", BareResponse(0, b"SSH-2.0-OpenSSH", complete=False)),
    ],
)
def test_what_a_server_sent_is_read_as_far_as_it_came(received: bytes, answer: BareResponse) -> None:
    assert understand(received) == answer


async def test_an_answer_is_not_read_for_ever() -> None:
    async with endpoint(too_much) as server:
        answer = await asyncio.wait_for(get("127.0.0.1", port_of(server.url), "/"), 5)
    assert len(answer.body) <= 2 * MAX_BYTES


async def test_a_server_that_keeps_the_connection_open_is_not_waited_for() -> None:
    async with endpoint(answers(200, {"voices": []})) as server:
        answer = await asyncio.wait_for(get("127.0.0.1", port_of(server.url), VOICES), 5)
    assert (answer.status, json.loads(answer.body)) == (200, {"voices": []})
    assert server.requests[0].headers["host"] == f"127.0.0.1:{port_of(server.url)}"
