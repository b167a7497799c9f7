"""The base of both engine servers, over real sockets; the engine is a fake that works for as long as it is told."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from voicemode import __version__
from voicemode.engines.server.about import About
from voicemode.engines.server.clients import peer_of
from voicemode.engines.server.counters import Counters
from voicemode.engines.server.http import create_app, streamed, unless_gone
from voicemode.engines.server.loaded_models import LoadedModels
from voicemode.engines.server.queue import EngineHost
from voicemode.engines.server.server import serve, serve_on
from voicemode.errors import ServiceError, WeightsError
from voicemode.http_server.errors import ApiError
from voicemode.http_server.listening import listen

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 10
"""Bound on everything that is awaited."""


@dataclass(slots=True)
class FakeEngine:
    """Works on each job until it is released, the job has a pass, or is cancelled."""

    released: threading.Event = field(default_factory=threading.Event)
    passes: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    at_work: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    given_up: threading.Event = field(default_factory=threading.Event)

    def work(self, cancelled: threading.Event) -> str:
        self.at_work.release()
        while not (self.released.is_set() or self.passes.acquire(timeout=0.01)):
            if cancelled.is_set():
                self.given_up.set()
                return "given up"
        return "done"

    def items(self, cancelled: threading.Event) -> Iterator[bytes]:
        yield b"first"
        yield self.work(cancelled).encode()


def app_of(room: EngineHost[FakeEngine]) -> Starlette:
    async def work(request: Request) -> Response:
        await request.body()
        return PlainTextResponse(
            await unless_gone(request, room.run(lambda engine, cancelled: engine.work(cancelled), peer=peer_of(request)))
        )

    async def stream(request: Request) -> Response:
        await request.body()
        return await streamed(request, room.stream(lambda engine, cancelled: engine.items(cancelled)), media_type="text/plain")

    async def bad(_request: Request) -> Response:
        raise ApiError(400, "No such voice.", param="voice", code="unknown_voice")

    async def crash(_request: Request) -> Response:
        raise RuntimeError("secret")

    about = About(service="voicemode-fake", model="small", models=lambda: ("small", "alias"), max_body_bytes=1000)
    routes = [Route(f"/{view.__name__}", view, methods=["POST"]) for view in (work, stream, bad, crash)]
    return create_app(about, room, Counters(), routes)


@asynccontextmanager
async def running(room: EngineHost[FakeEngine]) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a server around `room`."""
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    task = asyncio.create_task(serve_on(app_of(room), listener))
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=WAIT_SECONDS) as client:
            yield client
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    engine = FakeEngine()
    yield engine
    engine.released.set()


async def begun(engine: FakeEngine) -> None:
    """Wait until the engine has begun with one more job."""
    assert await asyncio.to_thread(engine.at_work.acquire, timeout=WAIT_SECONDS)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def error_of(response: httpx2.Response) -> dict[str, Any]:
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return dict(error)


async def test_a_server_answers_while_its_engine_still_loads(engine: FakeEngine) -> None:
    loaded = threading.Event()

    def load(_name: str) -> FakeEngine:
        loaded.wait(WAIT_SECONDS)
        return engine

    engine.released.set()
    async with running(EngineHost(LoadedModels(load, "small"))) as client:
        answer = await client.get("/health")
        health = answer.json()
        assert (health["service"], health["status"], health["model"]) == ("voicemode-fake", "loading", "small")
        assert (answer.status_code, health["pid"], health["models"]) == (503, os.getpid(), [])
        waiting = asyncio.create_task(client.post("/work"))
        loaded.set()
        assert (await waiting).text == "done"
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()["status"], answer.json()["models"]) == (200, "ready", ["small"])


async def test_an_engine_that_cannot_be_loaded_is_said_to_everybody_and_tried_again(engine: FakeEngine) -> None:
    outcomes: list[Exception | None] = [WeightsError("No weights.", hint="Get some."), WeightsError("Still none."), None]

    def load(_name: str) -> FakeEngine:
        if outcome := outcomes.pop(0):
            raise outcome
        return engine

    engine.released.set()
    room = EngineHost(LoadedModels(load, "small"))
    async with running(room) as client:
        await until(lambda: room.state.status == "failed")
        health = await client.get("/health")
        assert health.status_code == 503
        assert health.json()["error"] == "No weights."
        assert health.json()["remedy"] == {"text": "Get some.", "command": ""}
        refused = await client.post("/work")
        assert refused.status_code == 503
        assert error_of(refused) == {
            "message": "Still none.",
            "type": "server_error",
            "param": None,
            "code": "model_not_loaded",
        }
        assert (await client.post("/work")).text == "done"


async def test_every_error_has_openais_shape_and_a_crash_tells_nothing(engine: FakeEngine) -> None:
    async with running(EngineHost(LoadedModels(lambda _: engine, "small"))) as client:
        answers = {
            "/nowhere": await client.get("/nowhere"),
            "/work": await client.get("/work"),
            "/bad": await client.post("/bad"),
            "/crash": await client.post("/crash"),
            "/v1/models/x": await client.get("/v1/models/x"),
        }
    assert {path: answer.status_code for path, answer in answers.items()} == {
        "/nowhere": 404,
        "/work": 405,
        "/bad": 400,
        "/crash": 500,
        "/v1/models/x": 404,
    }
    assert error_of(answers["/bad"])["param"] == "voice"
    assert error_of(answers["/v1/models/x"])["code"] == "model_not_found"
    assert "secret" not in error_of(answers["/crash"])["message"]


async def test_health_says_what_was_done_and_what_went_wrong_and_nothing_of_its_content(engine: FakeEngine) -> None:
    engine.released.set()
    async with running(EngineHost(LoadedModels(lambda _: engine, "small"))) as client:
        await client.post("/work")
        await client.post("/bad")
        assert (await client.get("/health")).json()["last_error"] == "", "a wrong request is no error of ours"
        await client.post("/crash")
        health = (await client.get("/health")).json()
    assert health["port"] == client.base_url.port
    assert health["requests"] == 3
    assert health["uptime_seconds"] >= 0
    assert health["memory_bytes"] > 10_000_000
    assert health["last_error"].endswith("/crash: RuntimeError")


async def test_metrics_count_what_was_asked_by_path_and_nothing_that_nobody_knows(engine: FakeEngine) -> None:
    engine.released.set()
    async with running(EngineHost(LoadedModels(lambda _: engine, "small"))) as client:
        for path in ("/work", "/work", "/bad", "/crash", "/made-up", "/made-up-too"):
            await client.post(path)
        answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    for line in (
        'voicemode_requests_total{path="/work",status="200"} 2',
        'voicemode_requests_total{path="/bad",status="400"} 1',
        'voicemode_requests_total{path="other",status="404"} 2',
        'voicemode_errors_total{path="/crash"} 1',
        'voicemode_first_byte_seconds_count{path="/work"} 2',
        f'voicemode_model_info{{service="voicemode-fake",model="small",version="{__version__}"}} 1',
        "voicemode_ready 1",
        "voicemode_queue_depth 0",
    ):
        assert line in lines
    assert "made-up" not in answer.text


async def test_the_log_has_a_line_for_each_request_without_its_content(
    engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.released.set()
    caplog.set_level("INFO", "voicemode")
    async with running(EngineHost(LoadedModels(lambda _: engine, "small"))) as client:
        await client.post("/work?said=secret", content=b"secret")
        await client.get("/health")
        await client.get("/metrics")
    lines = [record.getMessage() for record in caplog.records if record.name == "voicemode.http_server.journal"]
    assert [line.rpartition(" ")[0].rpartition(" ")[0] for line in lines] == ["POST '/work' 200"]


async def test_models_are_listed(engine: FakeEngine) -> None:
    async with running(EngineHost(LoadedModels(lambda _: engine, "small"))) as client:
        listed = (await client.get("/v1/models")).json()
        assert [model["id"] for model in listed["data"]] == ["small", "alias"]
        assert (await client.get("/v1/models/alias")).json()["object"] == "model"


async def test_more_requests_than_may_wait_are_told_to_come_again(engine: FakeEngine) -> None:
    async with running(EngineHost(LoadedModels(lambda _: engine, "small"), waiting=1)) as client:
        first = asyncio.create_task(client.post("/work"))
        await begun(engine)
        second = asyncio.create_task(client.post("/work"))
        third = asyncio.create_task(client.post("/work"))
        await asyncio.wait({second, third}, return_when=asyncio.FIRST_COMPLETED, timeout=WAIT_SECONDS)
        refused = second.result() if second.done() else third.result()
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "2"
        assert error_of(refused)["type"] == "rate_limit_error"
        engine.released.set()
        assert sorted([(await task).status_code for task in (first, second, third)]) == [200, 200, 429]


@pytest.mark.parametrize("path", ["/work", "/stream"])
async def test_an_engine_is_told_when_nobody_listens_any_more(engine: FakeEngine, path: str) -> None:
    room = EngineHost(LoadedModels(lambda _: engine, "small"))
    async with running(room) as client:
        request = asyncio.create_task(client.post(path))
        await begun(engine)
        request.cancel()
        assert await asyncio.to_thread(engine.given_up.wait, WAIT_SECONDS)
        engine.released.set()
        assert (await client.post("/work")).text == "done"


async def test_who_hangs_up_while_waiting_leaves_the_queue(engine: FakeEngine) -> None:
    room = EngineHost(LoadedModels(lambda _: engine, "small"), waiting=1)
    async with running(room) as client:
        first = asyncio.create_task(client.post("/work"))
        await begun(engine)
        waiting = asyncio.create_task(client.post("/work"))
        await until(lambda: room.waiting)
        waiting.cancel()
        await until(lambda: not room.waiting)
        engine.released.set()
        assert (await first).text == "done"
        assert engine.at_work.acquire(blocking=False) is False


async def test_a_stream_begins_before_it_is_complete(engine: FakeEngine) -> None:
    async with (
        running(EngineHost(LoadedModels(lambda _: engine, "small"))) as client,
        client.stream("POST", "/stream") as response,
    ):
        chunks = response.aiter_bytes()
        assert await anext(chunks) == b"first"
        engine.released.set()
        assert await anext(chunks) == b"done"


async def chunks_of(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 100):
        yield bytes(100)


async def test_a_body_is_refused_when_it_grows_too_large_whatever_was_promised(engine: FakeEngine) -> None:
    async with running(EngineHost(LoadedModels(lambda _: engine, "small"))) as client:
        promised = await client.post("/work", content=bytes(1001))
        unannounced = await client.post("/work", content=chunks_of(100_000))
        assert (promised.status_code, unannounced.status_code) == (413, 413)
        assert error_of(unannounced)["code"] == "request_too_large"
        engine.released.set()
        assert (await client.post("/work", content=chunks_of(1000))).text == "done"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "rebound.example"}, 403),
        ({"Host": "127.0.0.1.rebound.example"}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:2022"}, 200),
        ({"Host": "[::1]:2022"}, 200),
        ({"Origin": "http://localhost:3000"}, 200),
    ],
)
async def test_only_this_machine_is_answered(engine: FakeEngine, headers: dict[str, str], status: int) -> None:
    async with running(EngineHost(LoadedModels(lambda _: engine, "small"))) as client:
        answer = await client.get("/health", headers=headers)
        assert answer.status_code == status


async def test_a_server_that_nobody_uses_ends_and_looking_after_it_is_no_use(engine: FakeEngine) -> None:
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with asyncio.timeout(WAIT_SECONDS):
        serving = asyncio.create_task(
            serve_on(app_of(EngineHost(LoadedModels(lambda _: engine, "small"))), listener, idle_minutes=0.5 / 60)
        )
        async with httpx2.AsyncClient() as client:
            work = asyncio.create_task(client.post(f"{url}/work"))
            await begun(engine)
            ended, _ = await asyncio.wait({serving}, timeout=1.0)
            assert not ended, "it is at work"
            engine.released.set()
            await work
            with contextlib.suppress(httpx2.TransportError):
                while not serving.done():
                    await client.get(f"{url}/health")
                    await asyncio.sleep(0.05)
        await serving


async def test_small_answers_are_sent_at_once() -> None:
    """Nagle's algorithm would keep each second packet for 40 ms."""
    accepted: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(writer)

    listener = listen("127.0.0.1", 0)
    async with await asyncio.start_server(accept, sock=listener):
        _, ours = await asyncio.open_connection(*listener.getsockname())
        theirs = await asyncio.wait_for(accepted, WAIT_SECONDS)
        assert theirs.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for end in (ours, theirs):
            end.close()
            await end.wait_closed()


def test_a_taken_port_is_said_before_anything_is_loaded(engine: FakeEngine) -> None:
    def load(_name: str) -> FakeEngine:
        pytest.fail("loaded")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=f"127.0.0.1:{port}.*another program"):
            serve(app_of(EngineHost(LoadedModels(load, "small"))), port=port)


FLOOD = """
import asyncio, sys, httpx2

async def main() -> None:
    async with httpx2.AsyncClient(base_url=sys.argv[1], timeout=60, limits=httpx2.Limits(max_connections=None)) as client:
        requests = [asyncio.create_task(client.post("/work")) for _ in range(50)]
        await asyncio.gather(*requests)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS tells root only which process has a connection")
async def test_a_process_that_floods_the_server_keeps_no_other_one_waiting(
    engine: FakeEngine, pytestconfig: pytest.Config
) -> None:
    room = EngineHost(LoadedModels(lambda _: engine, "small"), waiting=8)
    refused = 'voicemode_requests_total{{path="/work",status="429"}} {}'
    async with running(room) as client, spawned(FLOOD, str(client.base_url), pytestconfig.rootpath):
        await told(client, refused.format(41))
        ours = asyncio.create_task(client.post("/work"))
        await told(client, refused.format(42))  # one of the flood gave way to us
        for _ in range(3):  # one is worked on, another was before us, and we
            engine.passes.release()
        assert (await asyncio.wait_for(ours, WAIT_SECONDS)).text == "done"
        engine.released.set()


async def told(client: httpx2.AsyncClient, line: str) -> None:
    """Wait until the metrics have `line`."""
    async with asyncio.timeout(WAIT_SECONDS):
        while line not in (await client.get("/metrics")).text.splitlines():
            await asyncio.sleep(0.01)


SLOW_SERVER = """
import sys, threading
from tests.engines.server.test_server import FakeEngine, app_of
from voicemode.engines.server.queue import EngineHost
from voicemode.engines.server.server import serve
from voicemode.engines.server.loaded_models import LoadedModels

engine = FakeEngine()
threading.Thread(target=lambda: sys.stdin.readline() and engine.released.set(), daemon=True).start()
serve(app_of(EngineHost(LoadedModels(lambda _: engine, "small"))), port=int(sys.argv[1]))
"""
"""Its engine is at work until a line comes in."""


@asynccontextmanager
async def spawned(program: str, argument: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`program` in a process of its own, which has ended afterwards."""
    command = [sys.executable, "-c", program, argument]
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdin=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate(b"")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
async def test_a_server_that_is_asked_to_end_finishes_what_it_began_and_lets_nobody_in(pytestconfig: pytest.Config) -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    async with (
        asyncio.timeout(3 * WAIT_SECONDS),
        spawned(SLOW_SERVER, str(port), pytestconfig.rootpath) as process,
        httpx2.AsyncClient(base_url=url, timeout=2 * WAIT_SECONDS) as client,
    ):
        await answering(client)
        requests = [asyncio.create_task(client.post("/work")) for _ in range(2)]
        await told(client, "voicemode_queue_depth 1")
        process.send_signal(signal.SIGTERM)
        await refusing(url)
        assert process.stdin
        process.stdin.write(b"finish\n")
        assert [(await request).text for request in requests] == ["done", "done"]
        assert await process.wait() == 0


async def test_a_request_that_takes_longer_than_a_server_may_take_to_end_is_given_up(engine: FakeEngine) -> None:
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = app_of(EngineHost(LoadedModels(lambda _: engine, "small")))
    serving = asyncio.create_task(serve_on(app, listener, grace_seconds=1))
    async with httpx2.AsyncClient(timeout=WAIT_SECONDS) as client:
        request = asyncio.create_task(client.post(f"{url}/work"))
        await begun(engine)
        serving.cancel()
        async with asyncio.timeout(WAIT_SECONDS):
            await asyncio.wait([serving])
            with contextlib.suppress(httpx2.TransportError):
                assert (await request).is_server_error
    assert await asyncio.to_thread(engine.given_up.wait, WAIT_SECONDS)


async def refusing(url: str) -> None:
    """Wait until nobody new is let in."""
    async with asyncio.timeout(WAIT_SECONDS):
        with contextlib.suppress(httpx2.TransportError):
            while True:
                async with httpx2.AsyncClient() as newcomer:
                    await newcomer.get(f"{url}/health")
                await asyncio.sleep(0.01)


async def answering(client: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            with contextlib.suppress(httpx2.TransportError):
                await client.get("/health")
                return
            await asyncio.sleep(0.05)
