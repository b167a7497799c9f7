"""Lists of an endpoint: asked for once, and never for long."""

import asyncio
import json
import logging
from collections.abc import Callable

from voicemode.errors import NoConnectionError, ProviderError, TooSlowError
from voicemode.speech.base import Listed
from voicemode.speech.openai.catalogue import names
from voicemode.speech.openai.wire import Timeouts, Wire

log = logging.getLogger(__name__)

LOOKUP_SECONDS = 0.8
"""A list of voices or models that takes longer is not worth waiting for in a turn."""
LOOKUP_AGAIN_SECONDS = 60.0
"""How long a server that was too slow with a list is not asked for any."""


class EndpointListing:
    """The lists of one endpoint, by their path as in "models" or "audio/voices"."""

    def __init__(self, wire: Wire, clock: Callable[[], float]) -> None:
        self.known: dict[str, Listed] = {}
        self._wire = wire
        connect_seconds = wire.limits.connect_seconds
        self._limits = Timeouts(connect_seconds, LOOKUP_SECONDS, LOOKUP_SECONDS, max(connect_seconds, LOOKUP_SECONDS))
        self._clock = clock
        self._not_before = 0.0
        """When one that was too slow may be asked again."""
        self._lock = asyncio.Lock()

    async def get(self, path: str) -> Listed:
        """Names in the list at `path`, None if the endpoint does not say. Asked for until it answers.

        Raises NoConnectionError, for then nothing else need be asked either; any other failure is None.
        """
        async with self._lock:
            if path not in self.known and self._clock() >= self._not_before:
                await self._ask(path)
        return self.known.get(path)

    async def _ask(self, path: str) -> None:
        found: Listed = None
        try:
            async with self._wire.ask("GET", path, self._limits) as answer:
                found = names(parsed(await answer.text()))
        except NoConnectionError:
            raise
        except TooSlowError:
            # Slow once may be quick the next time; but one that always hangs must not hold up every turn.
            self._not_before = self._clock() + LOOKUP_AGAIN_SECONDS
            return
        except ProviderError as error:
            if error.transient:
                # The server may only be starting: the next turn asks again.
                return
        if found is None:
            log.debug("%s has no usable list of %s", self._wire.endpoint, path)
        self.known[path] = found


def parsed(body: bytes) -> object:
    """Parse JSON; None if it is something else."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
