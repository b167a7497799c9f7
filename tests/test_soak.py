"""2,000 turns without a sound card against endpoints that come and go: nothing is left behind."""

import asyncio
import gc
import random
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support.chaos import SLOW, Fault
from tests.support.fakes import QUICK, detectors, tone
from tests.support.flock import LIMITS, Flock, flock
from tests.support.memory_transport import MemoryTransport
from voicemode.conversation.conversation import Conversation
from voicemode.conversation.floor import Floor
from voicemode.conversation.turn import TurnOptions
from voicemode.errors import NotSpokenError, RecordingKeptError
from voicemode.progress import nobody
from voicemode.speech.base import Voice
from voicemode.speech.sentence_stream import Sentences

TURNS = 2_000
WARM_UP = 200
"""After so many, everything that is kept on purpose is there."""
TURNS_PER_CHANGE = 5
MEGABYTE = 1_000_000
ALLOWED_GROWTH = 12 * MEGABYTE
ANSWER = [tone(0.3), *[tone(0.1, level=1)] * 10]

FAULTS = sorted(set(Fault) - SLOW - {Fault.BUSY_FOR_A_WHILE}, key=lambda fault: fault.value)
"""Those that hang are for other tests: this one would last for hours."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the process has."""

    tasks: int
    files: int
    memory_bytes: int

    @classmethod
    def now(cls) -> "Held":
        gc.collect()
        process = psutil.Process()
        files = process.num_fds() if hasattr(process, "num_fds") else len(process.net_connections())
        return cls(len(asyncio.all_tasks()), files, process.memory_info().rss)


class Tally:
    """How the turns ended."""

    def __init__(self) -> None:
        self.answered = self.unanswered = self.unspoken = 0

    def __str__(self) -> str:
        return f"{self.answered} answered, {self.unanswered} kept as recordings, {self.unspoken} not spoken"


@pytest.mark.anyio
async def test_two_thousand_turns_leave_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance, tally = random.Random(4), Tally()
    async with flock(3, LIMITS) as flight:
        await turns(WARM_UP, flight, chance, tally, tmp_path)
        before = await at_rest(flight)
        await turns(TURNS - WARM_UP, flight, chance, tally, tmp_path)
        after = await at_rest(flight)
    with capsys.disabled():
        growth = (after.memory_bytes - before.memory_bytes) / MEGABYTE
        print(f"\n{TURNS} turns: {tally}; tasks {before.tasks} → {after.tasks}, files {before.files} → {after.files}, ", end="")
        print(f"memory {before.memory_bytes / MEGABYTE:.0f} MB {growth:+.1f} MB")
    assert tally.answered + tally.unanswered + tally.unspoken == TURNS
    assert tally.answered > TURNS / 2
    assert after.tasks <= before.tasks
    assert after.files <= before.files + 2
    assert after.memory_bytes - before.memory_bytes < ALLOWED_GROWTH


async def turns(count: int, flight: Flock, chance: random.Random, tally: Tally, folder: Path) -> None:
    for number in range(count):
        if number % TURNS_PER_CHANGE == 0:
            await chance.choice(flight.servers).become(chance.choice([*FAULTS, *[Fault.NONE] * len(FAULTS)]))
        turn = flight.providers.turn()
        sentences = Sentences(turn, turn.account.unheard)
        conversation = Conversation(MemoryTransport(ANSWER), turn, sentences, detectors, folder, Floor())
        try:
            await conversation.converse("Shall I?", Voice(), TurnOptions(rules=QUICK, cues=False), nobody)
            tally.answered += 1
        except NotSpokenError:
            tally.unspoken += 1
        except RecordingKeptError as error:
            tally.unanswered += 1
            error.path.unlink()


async def at_rest(flight: Flock) -> Held:
    """What is held once all servers are well and every probe has found that out."""
    for server in flight.servers:
        await server.become(Fault.NONE)
    await flight.providers.close()
    await asyncio.sleep(0.2)
    return Held.now()
