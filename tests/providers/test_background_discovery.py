import asyncio
from collections.abc import Sequence

import pytest

from voicemode.providers.discovery import FIRST_SECONDS, Found, Lookout

pytestmark = pytest.mark.anyio


async def test_nobody_waits_for_a_look_that_never_ends() -> None:
    async def never(known: Sequence[Found]) -> Sequence[Found]:
        await asyncio.Event().wait()
        return known

    taken: list[Sequence[Found]] = []
    lookout = Lookout(never, taken.append)
    async with asyncio.timeout(FIRST_SECONDS * 5):
        await lookout.first()
    await lookout.close()
    assert taken == []


async def test_the_first_look_is_waited_for() -> None:
    async def look(known: Sequence[Found]) -> Sequence[Found]:
        return [*known, Found("stt", "http://127.0.0.1:8000/v1")]

    taken: list[Sequence[Found]] = []
    lookout = Lookout(look, taken.append)
    await lookout.first()
    await lookout.close()
    assert [found.url for (found,) in taken] == ["http://127.0.0.1:8000/v1"]
