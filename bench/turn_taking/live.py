"""Turns in real time: any MCP server on stdio, a virtual sound card, and a person who answers in turn."""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp.client import Client
from mcp.types import CallToolResult, TextContent

from bench.lab import SpeechService
from bench.turn_taking.curves import Curve
from bench.turn_taking.listener import Manner, save_listener
from bench.turn_taking.outcomes import Outcome, outcome
from bench.turn_taking.utterances import Utterance, room
from tests.support.mcp_client import COMMAND, connect
from tests.support.rig import CABLE, Recording, VirtualSound
from voicemode.audio.frames import join
from voicemode.audio.vad import RATE

OUR_VOICE_SECONDS = 1.0
BEFORE_SECONDS = 0.3
"""Room noise before the first word: nobody speaks out of digital silence."""
AFTER_SECONDS = 5.0
MANNERS_SECONDS = 0.5
"""Delay between our last sound and the person's first."""
LOOK_SECONDS = 0.1
LIMIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The program under test. `{url}` in an argument or in the environment is the URL of the speech service."""

    name: str
    command: tuple[str, ...] = COMMAND
    tool: str = "converse"
    arguments: Mapping[str, Any] = field(default_factory=lambda: {"message": "Well?"})
    environ: Mapping[str, str] = field(default_factory=dict)


def filled(values: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Return `values` with `{url}` replaced."""
    return {name: value.replace("{url}", url) if isinstance(value, str) else value for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Stage:
    """The equipment with which a program and a person talk."""

    sound: VirtualSound
    speaker: Recording
    microphone: Recording
    service: SpeechService
    folder: Path
    """Folder for temporary files and logs."""

    async def turn(self, agent: Client, program: Program, utterance: Utterance, manner: Manner) -> Outcome:
        """Run a turn: the agent asks, the person answers. Raises RuntimeError if the call fails or the person cannot speak."""
        await asyncio.to_thread(self._tell, utterance, manner)
        called_at = time.monotonic()
        arguments = filled(program.arguments, self.service.url)
        call = asyncio.create_task(agent.call_tool(program.tool, arguments, read_timeout_seconds=LIMIT_SECONDS))
        turn_comes = asyncio.create_task(self._turn_comes(called_at))
        await asyncio.wait([call, turn_comes], return_when=asyncio.FIRST_COMPLETED)
        turn_comes.cancel()
        if call.done():
            raise RuntimeError(f"{program.name} did not let the person speak: {said(call.result())}")
        return await self._answer(call, utterance)

    async def _answer(self, call: asyncio.Task[CallToolResult], utterance: Utterance) -> Outcome:
        before = room(utterance.audio, BEFORE_SECONDS)
        begun_at = time.monotonic()
        player = self.sound.speak(join([before, utterance.audio, room(utterance.audio, AFTER_SECONDS)], RATE))
        try:
            result = await call
            answered_at = time.monotonic()
            heard_at = self.microphone.first_sound_at(begun_at)
        finally:
            player.terminate()
            await asyncio.to_thread(player.wait)
        if result.is_error or heard_at is None:
            raise RuntimeError(f"The turn failed: {said(result)}")
        finished_at = heard_at + before.seconds + utterance.last_sound
        ended = str((result.structured_content or {}).get("ended", ""))
        return outcome(utterance, answered_at - finished_at, ended, said(result))

    async def _turn_comes(self, called_at: float) -> None:
        """Wait until the program has spoken, has been silent for a moment, and has the microphone open."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            last = self.speaker.last_sound_at()
            if last is None or last < called_at or time.monotonic() - last < MANNERS_SECONDS:
                continue
            listening, _ = await asyncio.to_thread(self.sound.streams)
            if listening:
                return

    def _tell(self, utterance: Utterance, manner: Manner) -> None:
        path = self.folder / "utterance.json"
        save_listener(path, utterance.audio, utterance.words, manner)
        self.service.tell(path)


@contextmanager
def stage(sound: VirtualSound, service: SpeechService, folder: Path) -> Iterator[Stage]:
    with sound.record() as speaker, sound.record(CABLE) as microphone:
        yield Stage(sound, speaker, microphone, service, folder)


async def turns(
    stage: Stage, program: Program, environ: Mapping[str, str], utterances: Sequence[Utterance], manner: Manner
) -> list[Outcome]:
    """Run a turn for each of `utterances`, after one that does not count, which opens connections and imports modules.

    The standard error of the program is appended to `server.log` in the stage's folder.
    """
    environ = {**environ, **filled(program.environ, stage.service.url)}
    with (stage.folder / "server.log").open("a", encoding="utf-8") as log:
        async with connect(environ, command=program.command, errlog=log) as agent:
            return [await stage.turn(agent, program, each, manner) for each in (utterances[0], *utterances)][1:]


def curve(
    scene: Stage, program: Program, environ: Mapping[str, str], utterances: Sequence[Utterance], manner: Manner = "careless"
) -> Curve:
    """Return the curve of `program`; a line on stderr announces it, because a turn takes ten seconds."""
    print(f"{program.name}: {len(utterances)} turns", file=sys.stderr)
    return Curve(program.name, tuple(asyncio.run(turns(scene, program, environ, utterances, manner))))


def said(result: CallToolResult) -> str:
    """Return all text of a tool's result."""
    told = (result.structured_content or {}).get("text")
    texts = [content.text for content in result.content if isinstance(content, TextContent)]
    return str(told) if told else " ".join(texts)
