"""The engine servers under load and with cached speech: eight clients, each in its own process, one of them greedy."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

import httpx2

from bench.figures import Figure
from bench.lab import Lab
from tests.support.paths import REPOSITORY
from voicemode.services import find
from voicemode.services.service import Service

CLIENTS = 8
REQUESTS = 200
"""Requests of all clients together to each service."""
LOOK_SECONDS = 0.25
PATIENCE_SECONDS = 3600.0
SENTENCE = "The build is done, and all tests pass."


@dataclass(frozen=True, slots=True)
class Load:
    """Result of a load test."""

    seconds: tuple[float, ...]
    """Seconds until each client had all of its responses."""
    errors: int
    megabytes: tuple[float, ...]
    """Resident memory of the server over time."""

    @property
    def growth_percent(self) -> float:
        """Memory growth from the second quarter to the last; in the first the server allocates its working memory."""
        quarter = len(self.megabytes) // 4
        return 100 * abs(median(self.megabytes[-quarter:]) / median(self.megabytes[quarter : 2 * quarter]) - 1)


def spawn(url: str, service: Service, number: int) -> "subprocess.Popen[str]":
    each = REQUESTS // CLIENTS
    # The first client sends all requests at once; without fair scheduling it would finish long before the others.
    abreast = each if number == 0 else 1
    module = ["-m", "bench.programs.engine_client"]
    command = [sys.executable, *module, url, service.name, str(number), str(each), str(abreast)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def loaded(url: str, service: Service) -> Load:
    """Run all clients at once, until the last one has its last response."""
    with ExitStack() as running:
        clients = [running.enter_context(spawn(url, service, number)) for number in range(CLIENTS)]
        time.sleep(1)  # until all clients have finished importing
        for client in clients:
            assert client.stdin
            client.stdin.write("go\n")
            client.stdin.flush()
        megabytes = watched(url, clients)
        told = [json.loads(client.communicate(timeout=PATIENCE_SECONDS)[0]) for client in clients]
    return Load(tuple(each["seconds"] for each in told), sum(each["errors"] for each in told), megabytes)


def watched(url: str, clients: Sequence["subprocess.Popen[str]"]) -> tuple[float, ...]:
    """Return samples of the server's memory until the clients have ended."""
    megabytes = []
    with httpx2.Client(base_url=url.removesuffix("/v1")) as http:
        while any(client.poll() is None for client in clients):
            megabytes.append(http.get("/health").json()["memory_bytes"] / 1e6)
            time.sleep(LOOK_SECONDS)
    return tuple(megabytes)


def under_load(lab: Lab, service: Service) -> list[Figure]:
    load = loaded(lab.start(service), service)
    name = f"{service.name}, {CLIENTS} clients at once, {REQUESTS} requests"
    return [
        Figure(name=name, values=(float(load.errors),), unit="errors", at_most=0),
        Figure(
            name=f"{name}: slowest client against fastest", values=(max(load.seconds) / min(load.seconds),), unit="×", at_most=2
        ),
        Figure(name=f"{name}: memory, last quarter against the second", values=(load.growth_percent,), unit="%", at_most=10),
        Figure(name="its memory", values=load.megabytes, unit="MB"),
        Figure(name="a request, by the clock of all", values=(max(load.seconds) / REQUESTS,)),
    ]


def first_byte_milliseconds(http: httpx2.Client) -> float:
    body = {"model": "kokoro", "voice": "af_sky", "input": SENTENCE, "response_format": "pcm"}
    began = time.perf_counter()
    with http.stream("POST", "/audio/speech", json=body) as answer:
        chunks = answer.iter_raw()
        next(chunks)
        taken = 1000 * (time.perf_counter() - began)
        for _ in chunks:
            pass
    return taken


def repeated(lab: Lab) -> list[Figure]:
    with httpx2.Client(base_url=lab.start(find("kokoro")), timeout=PATIENCE_SECONDS) as http:
        first = first_byte_milliseconds(http)
        again = [first_byte_milliseconds(http) for _ in range(3 * lab.runs)]
    return [
        Figure(name="a sentence that was said before, time to first byte", values=tuple(again), unit="ms", at_most=5),
        Figure(name="said for the first time", values=(first,), unit="ms"),
    ]


def measure(lab: Lab) -> list[Figure]:
    return [*repeated(lab), *under_load(lab, find("whisper")), *under_load(lab, find("kokoro"))]
