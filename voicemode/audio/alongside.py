"""Work beside other work, never left behind."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def alongside(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Run `work` beside the block: waited for when the block ends well, cancelled and waited for when it fails."""
    task = asyncio.create_task(work)
    try:
        yield task
        await task
    finally:
        await ended(task)


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel `tasks` and wait until they have tidied up, well or not.

    Whoever waits here may be cancelled again, as an MCP library does until it is obeyed: that does not reach the tasks, for
    tidying up that is interrupted leaves a connection open.
    """
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()
