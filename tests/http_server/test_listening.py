"""A server without file descriptors: it says so once, waits, and goes on when there are some again."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import psutil
import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")]

WAIT_SECONDS = 30.0
DESCRIPTORS = 64
SERVER = f"""
import asyncio, logging, resource, sys
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from voicemode.http_server.journal import Activity
from voicemode.http_server.listening import listen
from voicemode.http_server.server import configured, run

async def hello(request):
    return PlainTextResponse("hello")

resource.setrlimit(resource.RLIMIT_NOFILE, ({DESCRIPTORS}, {DESCRIPTORS}))
logging.basicConfig(level="INFO", stream=sys.stderr)
listener = listen("127.0.0.1", 0)
print(listener.getsockname()[1], flush=True)
asyncio.run(run(listener, configured(Starlette(routes=[Route("/", hello)])), Activity(), None))
"""


@asynccontextmanager
async def spawned(log: Path, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """Process id and port of a server that has few descriptors."""
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SERVER), cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=file
        )
    try:
        assert process.stdout
        port = int(await asyncio.wait_for(process.stdout.readline(), WAIT_SECONDS))
        yield process.pid, port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_a_server_without_descriptors_says_so_once_rests_and_recovers(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    log = tmp_path / "log"
    async with spawned(log, pytestconfig.rootpath) as (pid, port), httpx2.AsyncClient(timeout=WAIT_SECONDS) as client:
        url = f"http://127.0.0.1:{port}/"
        assert (await client.get(url)).text == "hello"
        greedy = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2 * DESCRIPTORS)]
        async with asyncio.timeout(WAIT_SECONDS):
            while b"have to wait" not in log.read_bytes():
                await asyncio.sleep(0.05)
        before = sum(psutil.Process(pid).cpu_times()[:2])
        await asyncio.sleep(3)
        assert sum(psutil.Process(pid).cpu_times()[:2]) - before < 1, "it does nothing meanwhile"
        for _, writer in greedy:
            writer.transport.abort()
        async with httpx2.AsyncClient(timeout=WAIT_SECONDS) as newcomer:
            assert (await newcomer.get(url)).text == "hello"
    said = log.read_text().splitlines()
    assert [line for line in said if "INFO" not in line] == [
        "WARNING:voicemode.http_server.listening:New connections have to wait: Too many open files."
    ]
