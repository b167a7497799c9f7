"""A client of an engine server: sends requests, one after the other or all at once, and reports the result.

Usage: engine_client.py URL whisper|kokoro NUMBER COUNT ABREAST. Begins at a line on stdin; writes one line of JSON:
the total seconds, and the number of failed requests.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2

UTTERANCE = Path(__file__).parents[2] / "tests/recordings/austen-0880.wav"
PATIENCE_SECONDS = 3600
"""Timeout so long that slow servers are measured, too."""


class Client:
    def __init__(self, url: str, service: str, number: str) -> None:
        self._url = url
        self._service = service
        self._number = number

    async def run(self, count: int, abreast: int) -> dict[str, float]:
        errors, numbers = 0, iter(range(count))
        async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS, limits=httpx2.Limits(max_connections=None)) as http:
            await asyncio.to_thread(sys.stdin.readline)
            began = time.perf_counter()

            async def worker(mine: Iterator[int]) -> int:
                return sum([not await self._ask(http, number) for number in mine])

            errors = sum(await asyncio.gather(*(worker(numbers) for _ in range(abreast))))
            return {"seconds": time.perf_counter() - began, "errors": errors}

    async def _ask(self, http: httpx2.AsyncClient, number: int) -> bool:
        """Send a request; True if the response is complete."""
        try:
            if self._service == "whisper":
                files = {"file": ("a.wav", UTTERANCE.read_bytes())}
                form = {"model": "whisper-1", "language": "en"}
                answer = await http.post(f"{self._url}/audio/transcriptions", data=form, files=files)
                return answer.is_success and bool(answer.json()["text"])
            # Each text is unique, because the server caches speech.
            text = f"This is request {number} of client {self._number}."
            body = {"model": "kokoro", "voice": "af_sky", "input": text, "response_format": "pcm"}
            answer = await http.post(f"{self._url}/audio/speech", json=body)
            return answer.is_success and len(answer.content) > 24_000
        except httpx2.HTTPError:
            return False


if __name__ == "__main__":
    url, service, number, count, abreast = sys.argv[1:]
    print(json.dumps(asyncio.run(Client(url, service, number).run(int(count), int(abreast)))))
