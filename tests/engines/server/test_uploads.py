"""Uploads wait for a place before they are taken in, over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from voicemode.engines.server.uploads import FILES, TURN_BYTES, Places, UploadGate
from voicemode.http_server.errors import ApiError
from voicemode.http_server.journal import Activity
from voicemode.http_server.listening import listen
from voicemode.http_server.server import configured, run

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 20
FILE = bytes(TURN_BYTES + 1)


class Desk:
    """Takes uploads in, and answers files when it is told to."""

    def __init__(self) -> None:
        self.taken_in = 0
        self.most = 0
        self.may_answer = asyncio.Event()

    async def upload(self, request: Request) -> Response:
        self.taken_in += 1
        self.most = max(self.most, self.taken_in)
        size = len(await request.body())
        if size > TURN_BYTES:
            await self.may_answer.wait()
        self.taken_in -= 1
        return PlainTextResponse(str(size))


@asynccontextmanager
async def served(desk: Desk) -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=[Route("/upload", desk.upload, methods=["POST"])])
    listener = listen("127.0.0.1", 0)
    task = asyncio.create_task(
        run(listener, configured(UploadGate(app, name=lambda peer: named(peer.agent))), Activity(), None)
    )
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=WAIT_SECONDS) as client:
            yield client
    finally:
        desk.may_answer.set()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def unannounced() -> AsyncIterator[bytes]:
    yield FILE


async def test_two_files_are_here_at_a_time_and_no_turn_waits_for_them() -> None:
    desk = Desk()
    async with served(desk) as client:
        files = [asyncio.create_task(client.post("/upload", content=FILE)) for _ in range(4)]
        files += [asyncio.create_task(client.post("/upload", content=unannounced())) for _ in range(2)]
        turns = await asyncio.gather(*(client.post("/upload", content=b"Hello.") for _ in range(8)))
        assert [turn.text for turn in turns] == ["6"] * 8
        async with asyncio.timeout(WAIT_SECONDS):
            while desk.taken_in < FILES:
                await asyncio.sleep(0.01)
        desk.most = 0
        await client.post("/upload", content=b"Hello again.")
        assert desk.most == FILES + 1, "the other files wait"
        desk.may_answer.set()
        assert [(await file).text for file in files] == [str(len(FILE))] * 6


async def test_who_wants_most_places_gives_way_when_too_many_wait() -> None:
    places, order, go_on = Places(1, waiting=2), list[str](), asyncio.Event()

    async def enter(client: str) -> None:
        async with places.place(lambda: named(client)):
            order.append(client)
            await go_on.wait()

    greedy = [asyncio.create_task(enter("greedy")) for _ in range(3)]
    await asyncio.sleep(0)
    modest = asyncio.create_task(enter("modest"))
    await asyncio.wait({greedy[2]}, timeout=WAIT_SECONDS)
    go_on.set()
    done = await asyncio.wait_for(asyncio.gather(*greedy, modest, return_exceptions=True), WAIT_SECONDS)
    assert [type(one) for one in done] == [type(None), type(None), ApiError, type(None)]
    assert sorted(order) == ["greedy", "greedy", "modest"]
    await asyncio.wait_for(enter("next"), WAIT_SECONDS)


async def test_who_gives_up_waiting_keeps_no_place() -> None:
    places = Places(1)

    async def enter() -> None:
        async with places.place(lambda: named("somebody")):
            pass

    async with places.place(lambda: named("first")):
        waiting = asyncio.create_task(enter())
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait({waiting})
    assert waiting.cancelled()
    await asyncio.wait_for(enter(), WAIT_SECONDS)


async def named(client: str) -> str:
    return client
