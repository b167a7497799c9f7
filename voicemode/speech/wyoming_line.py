"""One connection to a Wyoming server: events, which are a line of JSON each, with data and sound after it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from voicemode.errors import ProviderError, UnreachableError

if TYPE_CHECKING:
    from wyoming.event import Event

T = TypeVar("T")

EVENT_BYTES = 1024 * 1024
"""A longer event is no transcript."""
QUOTE_CHARS = 200
HINT = "Check that it runs and that its URL is right: voicemode doctor"


@asynccontextmanager
async def connected(
    name: str, address: tuple[str, int], connect_seconds: float, write_seconds: float
) -> AsyncIterator["WyomingConnection"]:
    """A connection to the server at `address`, called `name`, closed on leaving whatever happens.

    Raises ProviderError; UnreachableError if nobody listens. `write_seconds` is how long it may not take what it is sent.
    """
    loop = asyncio.get_running_loop()
    reader = BoundedReader(EVENT_BYTES, loop)
    try:
        async with asyncio.timeout(connect_seconds):
            transport, protocol = await loop.create_connection(
                lambda: asyncio.StreamReaderProtocol(reader, loop=loop), *address
            )
    except TimeoutError as error:
        raise ProviderError(f"{name} did not accept a connection in time.", transient=True, hint=HINT) from error
    except OSError as error:
        raise UnreachableError(f"{name} is not reachable ({error}).", transient=True, hint=HINT) from error
    try:
        yield WyomingConnection(name, reader, asyncio.StreamWriter(transport, protocol, reader, loop), write_seconds)
    finally:
        # Not `close`, which would wait until a server that takes nothing has taken all.
        transport.abort()


class BoundedReader(asyncio.StreamReader):
    """A reader that does not believe every length it is told."""

    async def readexactly(self, n: int) -> bytes:
        """Raises ValueError for what no server would say."""
        if not 0 <= n <= EVENT_BYTES:
            raise ValueError(f"an event of {n} bytes")
        return await super().readexactly(n)


class WyomingConnection:
    """Events to and from one server. Raises nothing but ProviderError."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, write_seconds: float) -> None:
        self._name = name
        self._reader = reader
        self._writer = writer
        self._write_seconds = write_seconds

    async def write(self, kind: str, data: dict[str, Any], payload: bytes | None = None) -> None:
        from wyoming.event import Event, async_write_event

        await self.in_time(async_write_event(Event(kind, data, payload), self._writer), self._write_seconds)

    async def read(self) -> "Event":
        """The next event; waits for ever."""
        from wyoming.event import async_read_event

        with self._translated():
            event = await async_read_event(self._reader)
        if event is None and self._reader.at_eof():
            raise ProviderError(f"{self._name} hung up before it had answered.", transient=True)
        if event is None or not isinstance(event.data, dict):
            raise self._nonsense()
        if event.type == "error":
            raise ProviderError(f"{self._name} failed: {' '.join(text_of(event).split())[:QUOTE_CHARS]}", transient=True)
        return event

    async def in_time(self, answer: Awaitable[T], limit_seconds: float) -> T:
        with self._translated():
            async with asyncio.timeout(limit_seconds):
                return await answer

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise ProviderError(f"{self._name} did not answer in time.", transient=True, hint=HINT) from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise ProviderError(f"{self._name} broke off the connection.", transient=True) from error
        # The package believes that an event is a dict with the right things in it, and that JSON is not nested for ever.
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise self._nonsense() from error

    def _nonsense(self) -> ProviderError:
        return ProviderError(f"{self._name} does not speak Wyoming.", transient=False, hint="Check its port.")


def text_of(event: "Event") -> str:
    """The text of a transcript, of a part of one, or of an error."""
    text = event.data.get("text")
    return text if isinstance(text, str) else ""
