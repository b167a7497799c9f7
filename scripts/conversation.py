"""A conversation through VoiceMode, as an agent would hold it: an MCP client, a server on stdio, a sound card.

With a sound card you answer; without one (or with --virtual) a recorded voice answers through a virtual card.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mcp.client import Client
from mcp.types import CallToolResult, TextContent

from tests.support.mcp_client import COMMAND, Progress, connect, environment
from tests.support.paths import RECORDINGS
from tests.support.people import CLIPS
from tests.support.rig import VirtualSound, missing
from voicemode.config import Settings

TURNS = (
    (
        "Hello! I am VoiceMode, and everything I say and hear stays on this machine. What would you like to tell me?",
        "austen-0880.wav",
    ),
    ("I heard you. Would you read me one more sentence?", "austen-0930.wav"),
)
NEEDS_VIRTUAL_CARD = 3
"""Exit status that asks scripts/demo for the packages of the virtual card."""


def has_sound_card() -> bool:
    """Whether `voicemode doctor` finds a microphone and a speaker."""
    done = subprocess.run([*COMMAND, "doctor", "--json"], capture_output=True, text=True, env=environment(), check=False)
    checks = json.loads(done.stdout)["checks"] if done.stdout else []
    return all(check["mark"] != "broken" for check in checks if check["area"] == "sound") and bool(checks)


def usual_environment(**extra: str) -> dict[str, str]:
    """The environment of VoiceMode, with engines on the ports where the person's agents look for them, too."""
    usual = Settings()
    ports = {"VOICEMODE_WHISPER_PORT": str(usual.whisper_port), "VOICEMODE_KOKORO_PORT": str(usual.kokoro_port)}
    return environment(**ports, **extra)


class Person:
    """Who answers: you, or a recording through the virtual card."""

    def __init__(self, sound: VirtualSound | None) -> None:
        self.sound = sound

    def answer(self, clip: str) -> None:
        if self.sound is None:
            print("    … now speak", flush=True)
        else:
            self.sound.speak(RECORDINGS / clip)


async def turn(agent: Client, person: Person, message: str, clip: str) -> dict[str, Any]:
    """One question and its answer, told as it happens."""
    print(f"\nagent   {message}", flush=True)
    begun = time.monotonic()
    progress = Progress()
    call = asyncio.create_task(agent.call_tool("converse", {"message": message}, progress_callback=progress))
    waiting = asyncio.create_task(progress.reached("listening", seconds=600))
    await asyncio.wait([call, waiting], return_when=asyncio.FIRST_COMPLETED)
    if not call.done():
        person.answer(clip)
    result = await call
    waiting.cancel()
    if result.is_error:
        raise SystemExit(f"\n{said(result)}")
    reply = dict(result.structured_content or {})
    if person.sound is not None:
        print(f"person  {CLIPS[clip]}   (a recording of a person)")
    print(f"heard   {reply['text'] or '(nothing)'}   {reply['note']}")
    told = {name: f"{seconds:.2f} s" for name, seconds in reply["seconds"].items()}
    print(
        "        "
        + ", ".join(f"{name} {seconds}" for name, seconds in told.items())
        + f", turn {time.monotonic() - begun:.2f} s"
    )
    return reply


def said(result: CallToolResult) -> str:
    return " ".join(content.text for content in result.content if isinstance(content, TextContent))


async def converse(environ: Mapping[str, str], sound: VirtualSound | None) -> None:
    begun = time.monotonic()
    async with connect(environ) as agent:
        await agent.list_tools()
        print(f"VoiceMode started in {time.monotonic() - begun:.2f} s; its engines get ready while it greets you.")
        person = Person(sound)
        replies = [await turn(agent, person, message, clip) for message, clip in TURNS]
        farewell = f"You said: {replies[-1]['text']} Thank you, and goodbye!" if replies[-1]["text"] else "Goodbye!"
        print(f"\nagent   {farewell}", flush=True)
        await agent.call_tool("converse", {"message": farewell, "wait_for_response": False})


@contextmanager
def sound_card(*, virtual: bool) -> Iterator[VirtualSound | None]:
    """The card that is there, as None, or a virtual one."""
    if not virtual:
        yield None
        return
    with VirtualSound() as sound:
        yield sound


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--virtual", action="store_true", help="use a virtual sound card even if there is a real one")
    virtual = parser.parse_args().virtual or not has_sound_card()
    if virtual and (reason := missing()):
        print(f"There is no sound card here; a virtual one needs more: {reason}", file=sys.stderr)
        sys.exit(NEEDS_VIRTUAL_CARD)
    print("No sound card is used: a recorded voice speaks with VoiceMode." if virtual else "Talk with VoiceMode.", flush=True)
    with sound_card(virtual=virtual) as sound:
        environ = usual_environment(**(sound.environ if sound else {}))
        asyncio.run(converse(environ, sound))


if __name__ == "__main__":
    main()
