"""Memory of the MCP server; its engines are separate processes."""

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
    """Return the memory of one server after each of its turns."""
    async with connect(lab.environ(**lab.sound.environ)) as agent:
        # A server of another figure that has just ended no longer has a command line.
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
