"""How much of the machine's memory the MCP server holds; its engines are processes of their own."""

import asyncio
import os

import psutil

from bench.figures import Figure
from bench.lab import Lab
from bench.start import BARE, OURS, spawned
from bench.turn import answer, endings
from tests.support.mcp_client import connect
from voicemode.services import find

TURNS = 3


async def megabytes_after_turns(lab: Lab) -> list[float]:
    """Of one server: after its first turn, after its second, ..."""
    async with connect(lab.environ(**lab.sound.environ)) as agent:
        # One that has just ended, of another figure, has no command line any more.
        alive = [child for child in psutil.Process(os.getpid()).children() if child.status() != psutil.STATUS_ZOMBIE]
        (server,) = [child for child in alive if tuple(child.cmdline()[1:]) == OURS]
        measured = []
        for clip in endings()[:TURNS]:
            await answer(agent, lab.sound, clip)
            measured.append(server.memory_info().rss / 1e6)
        return measured


def measure(lab: Lab) -> list[Figure]:
    for name in ("whisper", "kokoro"):
        lab.start(find(name))
    ours = asyncio.run(megabytes_after_turns(lab))
    with spawned(BARE, lab.environ()) as bare:
        floor = bare.megabytes
    return [
        Figure(
            name="resident memory of the MCP server after a turn", values=(ours[0],), unit="MB", incumbent="210 MB", at_most=130
        ),
        Figure(name=f"after {TURNS} turns", values=(ours[-1],), unit="MB"),
        Figure(name="a bare MCP server with one tool", values=(floor,), unit="MB"),
    ]
