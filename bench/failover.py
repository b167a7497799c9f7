"""The cost of failing endpoints, and of choosing among healthy ones."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from bench.figures import Figure
from bench.lab import Lab
from tests.support.agents import free_ports
from tests.support.endpoints import Behaviour, Reply, Request, endpoint, routes, speech_api, transcribes
from voicemode.audio.frames import Frame, closing
from voicemode.config import Settings
from voicemode.http_client.client import open_http
from voicemode.providers import Distance, Provider, Providers
from voicemode.speech.base import Voice
from voicemode.speech.openai.client import Endpoint, SpeechClient

TURNS = 20
CLIENTS = 16
TRANSCRIPTIONS = 96
WORK_SECONDS = 0.05
"""Seconds that the server takes for a transcription, one at a time."""
MANY = 10
CHOICES = 1000
UTTERANCE = Frame(bytes(96_000), 16_000)

Bad = Callable[[], AbstractAsyncContextManager[str]]
"""Makes an address where nobody answers, and yields its URL."""


def measure(lab: Lab) -> list[Figure]:
    return asyncio.run(measured(lab))


async def measured(lab: Lab) -> list[Figure]:
    here = [await first_and_later(silent_port, Distance.MACHINE) for _ in range(lab.few_runs)]
    there = [await first_and_later(silent_port, Distance.NETWORK) for _ in range(lab.few_runs)]
    refused = [await first_and_later(closed_port, Distance.MACHINE) for _ in range(lab.runs)]
    shares = [await throughput(2) / await throughput(1) for _ in range(lab.few_runs)]
    return [
        figure("first turn, the preferred endpoint drops packets", [first for first, _ in here], "60 s", 1.3),
        figure("later turns", [later for _, later in here], "60 s", 0.05),
        figure("first turn, it is another machine", [first for first, _ in there], "60 s", 1.3),
        figure("later turns", [later for _, later in there], "60 s", 0.05),
        figure("first turn, the preferred endpoint refuses", [first for first, _ in refused], "one connect", 0.02),
        Figure(name=f"to choose among {MANY} healthy endpoints", values=await choosing(), unit="ms", at_most=0.2),
        Figure(
            name=f"new connections in {TURNS} turns to one endpoint",
            values=(float(await connections()),),
            unit="connections",
            incumbent="40",
            at_most=2,
        ),
        Figure(
            name=f"throughput of 2 endpoints, {CLIENTS} clients, over that of 1",
            values=tuple(shares),
            unit="×",
            incumbent="1 ×",
            at_least=1.9,
        ),
    ]


def figure(name: str, values: Sequence[float], incumbent: str, at_most: float) -> Figure:
    return Figure(name=name, values=tuple(values), incumbent=incumbent, at_most=at_most)


@asynccontextmanager
async def speaking(urls: Sequence[str], place: Distance = Distance.MACHINE) -> AsyncIterator[Providers]:
    """Yield providers with these endpoints, in this order, for stt and tts; the first is at `place`."""
    async with open_http() as http:
        places = [place, *[Distance.MACHINE] * (len(urls) - 1)]
        # An endpoint on the network gets the limits for the network, though here it is only simulated.
        limits = [Settings(connect_timeout_local=Settings().connect_timeout) if p else Settings() for p in places]
        clients = [SpeechClient(Endpoint(url), http, settings) for url, settings in zip(urls, limits, strict=True)]
        named = list(zip(urls, clients, places, strict=True))
        providers = Providers(
            [Provider(name=url, kind="stt", speech=client, place=place) for url, client, place in named],
            [Provider(name=url, kind="tts", speech=client, place=place) for url, client, place in named],
        )
        try:
            yield providers
        finally:
            await providers.close()


async def first_and_later(bad: Bad, place: Distance) -> tuple[float, float]:
    """Return seconds until our voice begins with a good endpoint behind a bad one: in the first turn, and the worst later."""
    async with bad() as url, endpoint(speech_api()) as good, speaking([url, good.url], place) as providers:
        first, *later = [await until_first_frame(providers) for _ in range(5)]
    return first, max(later)


async def until_first_frame(providers: Providers) -> float:
    asked_at = time.monotonic()
    async with closing(providers.turn().synthesize("Hello there.", Voice())) as frames:
        await anext(frames)
        return time.monotonic() - asked_at


@asynccontextmanager
async def closed_port() -> AsyncIterator[str]:
    """Yield a URL where nothing listens."""
    yield f"http://127.0.0.1:{free_ports(1)[0]}/v1"


@asynccontextmanager
async def silent_port() -> AsyncIterator[str]:
    """Yield the URL of a port whose backlog is full: the system drops connection requests, as a firewall would."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)  # noqa: FBT003
            caller.connect_ex(address)
        await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{address[1]}/v1"
        for caller in callers:
            caller.close()


async def choosing() -> tuple[float, ...]:
    """Return milliseconds to order endpoints that have all answered before."""
    async with speaking([f"http://127.0.0.1:{port}/v1" for port in range(9000, 9000 + MANY)]) as providers:
        for member in providers.stt.members:
            for number in range(64):
                member.latencies.add(0.1 + number / 1000)
        times = []
        for _ in range(CHOICES):
            began = time.perf_counter()
            providers.stt.order()
            times.append((time.perf_counter() - began) * 1000)
    return tuple(times)


async def connections() -> int:
    async with endpoint(speech_api()) as server, speaking([server.url]) as providers:
        for _ in range(TURNS):
            turn = providers.turn()
            async with closing(turn.synthesize("Hello there.", Voice())) as frames:
                async for _frame in frames:
                    pass
            await turn.transcribe(UTTERANCE)
        return server.connections


async def throughput(servers: int) -> float:
    """Return transcriptions per second that CLIENTS clients get from `servers` servers."""
    async with AsyncExitStack() as stack:
        urls = [(await stack.enter_async_context(endpoint(one_at_a_time()))).url for _ in range(servers)]
        providers = await stack.enter_async_context(speaking(urls))
        left = iter(range(TRANSCRIPTIONS))
        began = time.monotonic()

        async def client() -> None:
            for _ in left:
                await providers.turn().transcribe(UTTERANCE)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(CLIENTS):
                tasks.create_task(client())
        return TRANSCRIPTIONS / (time.monotonic() - began)


def one_at_a_time() -> Behaviour:
    """Return the behaviour of a server with one engine."""
    engine = asyncio.Lock()
    answer = transcribes("hello")

    async def behave(request: Request, reply: Reply) -> None:
        async with engine:
            await asyncio.sleep(WORK_SECONDS)
        await answer(request, reply)

    return routes({"/v1/audio/transcriptions": behave})
