"""Every known way to send data out of a process, tried one after the other. A program that test_egress runs and watches.

    python -m tests.support.ways_out OPTIONS weights

OPTIONS: {"local_only": true, "host": "192.0.2.2", "port": 40, "redirect": "http://127.0.0.1:41/"}

Prints the result of each way named, or of all: "refused" if VOICEMODE_LOCAL_ONLY stopped it, another error, or "out".
"""

import asyncio
import json
import socket
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from voicemode import egress
from voicemode.audio.frames import Frame
from voicemode.config import Settings
from voicemode.errors import LocalOnlyError
from voicemode.http_client.client import open_http
from voicemode.models import download
from voicemode.speech.base import Voice
from voicemode.speech.openai.address import Endpoint
from voicemode.speech.openai.client import SpeechClient
from voicemode.speech.openai.errors import within

SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outside:
    """An address outside this machine."""

    local_only: bool
    host: str
    port: int
    redirect: str
    """A URL on this machine that redirects there."""

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/v1"


WAYS: dict[str, Callable[[Outside], object]] = {}


def way(attempt: Callable[[Outside], object]) -> Callable[[Outside], object]:
    WAYS[attempt.__name__] = attempt
    return attempt


@way
def plain_socket(outside: Outside) -> None:
    socket.create_connection(outside.address, SECONDS).close()


@way
def socket_that_returns_errors(outside: Outside) -> None:
    with socket.socket() as plain:
        plain.connect_ex(outside.address)


@way
def another_thread(outside: Outside) -> None:
    caught: list[BaseException] = []

    def work() -> None:
        try:
            plain_socket(outside)
        except OSError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(SECONDS)
    if caught:
        raise caught[0]


@way
def ipv4_written_as_ipv6(outside: Outside) -> None:
    with socket.socket(socket.AF_INET6) as plain:
        plain.connect((f"::ffff:{outside.host}", outside.port))


@way
def ipv4_written_as_a_number(outside: Outside) -> None:
    socket.create_connection((str(int(ip_address(outside.host))), outside.port), SECONDS).close()


@way
def datagram(outside: Outside) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as plain:
        plain.sendto(b"heard", outside.address)


@way
def datagram_message(outside: Outside) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as plain:
        plain.sendmsg([b"heard"], [], 0, outside.address)


@way
def connected_datagram(outside: Outside) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as plain:
        plain.connect(outside.address)
        plain.send(b"heard")


@way
def asyncio_stream(outside: Outside) -> None:
    async def connect() -> None:
        _, writer = await asyncio.open_connection(*outside.address)
        writer.close()
        await writer.wait_closed()

    asyncio.run(connect())


@way
def asyncio_datagram(outside: Outside) -> None:
    async def send() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=outside.address)
        transport.sendto(b"heard")
        transport.close()

    asyncio.run(send())


@way
def urllib_request(outside: Outside) -> None:
    urllib.request.urlopen(outside.url, timeout=SECONDS).close()  # noqa: S310 it is http


@way
def urllib_redirected(outside: Outside) -> None:
    urllib.request.urlopen(outside.redirect, timeout=SECONDS).close()  # noqa: S310 it is http


@way
def httpx_client(outside: Outside) -> None:
    import httpx2

    httpx2.get(outside.url, timeout=SECONDS)


@way
def httpx_redirected(outside: Outside) -> None:
    import httpx2

    httpx2.get(outside.redirect, timeout=SECONDS, follow_redirects=True)


@way
def weights(outside: Outside) -> None:
    with tempfile.TemporaryDirectory() as folder:
        download.download(outside.url, Path(folder) / "model.bin", 100, print)


@way
def weights_hub(outside: Outside) -> None:
    from huggingface_hub import HfApi

    HfApi(endpoint=outside.url).model_info("maker/model", timeout=SECONDS)


@way
def transcribing(outside: Outside) -> None:
    async def transcribe() -> None:
        async with open_http() as http:
            await SpeechClient(Endpoint(outside.url), http, Settings()).transcribe(Frame(bytes(3200), 16_000))

    asyncio.run(transcribe())


@way
def speaking(outside: Outside) -> None:
    async def speak() -> None:
        async with open_http() as http:
            async for _ in SpeechClient(Endpoint(outside.url), http, Settings()).synthesize("Hello.", Voice()):
                pass

    asyncio.run(speak())


@way
def kept_connection(outside: Outside) -> None:
    """Reuse a connection that was opened while that was allowed."""

    async def keep() -> None:
        async with open_http() as http:
            speech = SpeechClient(Endpoint(outside.url), http, Settings())
            egress.enforce(False)
            await speech.check()
            egress.enforce(outside.local_only)
            await speech.check()

    asyncio.run(keep())


def outcome(attempt: Callable[[Outside], object], outside: Outside) -> str:
    try:
        attempt(outside)
    except Exception as error:  # libraries wrap the error in various ways
        return "refused" if within(error, LocalOnlyError) else f"{type(error).__name__}: {error}"
    return "out"


def main() -> None:
    outside = Outside(**json.loads(sys.argv[1]))
    egress.enforce(outside.local_only)
    named = sys.argv[2:] or list(WAYS)
    print(json.dumps({name: outcome(WAYS[name], outside) for name in named}))


if __name__ == "__main__":
    main()
