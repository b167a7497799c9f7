"""Discovery of speech servers that run on this machine, at their usual ports.

A server counts as a speech server only if it says so itself: anything may listen on port 8000.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from voicemode.config import Settings
from voicemode.http_client.bare import get
from voicemode.http_client.body import parsed
from voicemode.providers.port_owners import Listeners, listeners, may_be_asked
from voicemode.speech.base import Kind, Offer
from voicemode.speech.openai.catalogue import names
from voicemode.tasks import ended

HOSTS = ("127.0.0.1", "::1")
"""Addresses of this machine that are searched."""
LOOK_SECONDS = 0.3
"""Timeout for a search; a server on this machine answers in a hundredth of that."""
MODELS = "/v1/models"
VOICES = "/v1/audio/voices"

STT_TASK, TTS_TASK = "automatic-speech-recognition", "text-to-speech"
STT_NAME = re.compile(r"whisper|transcri|parakeet|moonshine|sensevoice|voxtral|(?<![a-z])(stt|asr|canary)(?![a-z])")
# Not `orpheus` and `outetts`: llama.cpp serves the language models of those names, without the part that makes audio.
TTS_NAME = re.compile(r"kokoro|piper|chatterbox|(?<![a-z])x?tts(?![a-z])")


@dataclass(frozen=True, slots=True)
class Found:
    """A server that does one of the two jobs; a server that does both is found twice."""

    kind: Kind
    url: str
    """Base URL, as a person would write it in the settings."""
    offer: Offer = field(default_factory=Offer)
    """Models, voices and languages it names for this job."""


class Spot(NamedTuple):
    """An address to search."""

    host: str
    port: int

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"


Answers = Mapping[tuple[Spot, str], Any]
"""JSON response by spot and path, None for anything but JSON. Requests without a response in time are missing."""


async def discover(
    settings: Settings,
    known: Sequence[Found] = (),
    ask: Callable[[], Awaitable[Listeners]] = listeners,
    limit_seconds: float = LOOK_SECONDS,
) -> list[Found]:
    """Return the speech servers on the ports in `settings` that run as this user or as root. Never fails.

    Args:
        settings: Settings that name the ports.
        known: Result of the last search; a server too busy to answer keeps its entry.
        ask: Returns the listening sockets of this machine.
        limit_seconds: Timeout for the whole search.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + limit_seconds
    try:
        async with asyncio.timeout_at(end):
            there = await ask()
    except TimeoutError:
        return list(known)
    ports = dict.fromkeys([settings.whisper_port, settings.kokoro_port, *map(int, settings.discover_ports)])
    spots = [Spot(host, port) for port in ports for host in HOSTS if may_be_asked(there, host, port)]
    answers = await _ask_all([(spot, path) for spot in spots for path in (MODELS, VOICES)], end - loop.time())
    return _one_a_port({spot: judge(spot, answers, known) for spot in spots})


async def _ask_all(questions: Sequence[tuple[Spot, str]], limit_seconds: float) -> Answers:
    """Send each request on its own connection; return the responses that came in time."""
    if not questions:
        return {}
    tasks = {asyncio.create_task(_json(spot, path)): (spot, path) for spot, path in questions}
    try:
        done, _ = await asyncio.wait(tasks, timeout=max(limit_seconds, 0.0))
    finally:
        await ended(*tasks)
    return {tasks[task]: task.result() for task in done}


async def _json(spot: Spot, path: str) -> object:
    try:
        answer = await get(spot.host, spot.port, path)
        return parsed(answer.body) if answer.status == 200 else None
    except OSError:
        return None


def judge(spot: Spot, answers: Answers, known: Sequence[Found] = ()) -> list[Found]:
    """Return the jobs that the server at `spot` does, judged by its responses; where one is late, by `known`."""
    models, voices = answers.get((spot, MODELS)), answers.get((spot, VOICES))
    ears, mouths = _named(models, STT_NAME, STT_TASK), _named(models, TTS_NAME, TTS_TASK)
    # Some servers answer every path alike: a list of models is not a list of voices.
    listed = names(voices) if isinstance(voices, dict) and "voices" in voices else None
    found = [Found("stt", spot.url, Offer(models=ears))] if ears else []
    if mouths or listed:
        found.append(Found("tts", spot.url, Offer(models=mouths or None, voices=listed)))
    if all((spot, path) in answers for path in (MODELS, VOICES)):
        return found
    certain = {one.kind for one in found}
    return found + [one for one in known if one.url == spot.url and one.kind not in certain]


def _named(models: object, pattern: re.Pattern[str], task: str) -> tuple[str, ...]:
    """Return the names of the models for one job, judged by their `task`, or by their name if they have none."""
    listed = models.get("data") if isinstance(models, dict) else None
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    fitting = [item for item in items if (item["task"] == task if item.get("task") else pattern.search(_id(item).lower()))]
    return tuple(name for item in fitting if (name := _id(item)))


def _id(item: Mapping[str, object]) -> str:
    name = item.get("id")
    return name if isinstance(name, str) else ""


def _one_a_port(found: Mapping[Spot, list[Found]]) -> list[Found]:
    """Keep one server per port: most servers answer at both addresses of this machine, and the first counts."""
    ports: dict[int, list[Found]] = {}
    for spot, here in found.items():
        ports[spot.port] = ports.get(spot.port) or here
    return [one for here in ports.values() for one in here]


AGAIN_SECONDS = 60.0
FIRST_SECONDS = 2.0
"""Timeout for waiting for the first search: third-party plugins may take forever to load."""


class Lookout:
    """Searches at once when started, then every minute; a turn waits for that only if it has no running endpoint."""

    def __init__(
        self, look: Callable[[Sequence[Found]], Awaitable[Sequence[Found]]], take: Callable[[Sequence[Found]], None]
    ) -> None:
        """`look` takes the last result and never fails; `take` receives each new result."""
        self._look = look
        self._take = take
        self._looked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._watch())

    async def first(self) -> None:
        """Wait for the first search: usually no time, 0.3 s from the start if a server hangs."""
        self.begin()
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await self._looked.wait()

    async def close(self) -> None:
        if self._task is not None:
            await ended(self._task)

    async def _watch(self) -> None:
        found: Sequence[Found] = ()
        try:
            while True:
                found = await self._look(found)
                self._take(found)
                self._looked.set()
                await asyncio.sleep(AGAIN_SECONDS)
        finally:
            self._looked.set()
