"""Lists of an endpoint's models and voices: requested once, with a short timeout."""

import asyncio
import logging
from collections.abc import Callable

from voicemode.errors import NoConnectionError, ProviderError, TooSlowError
from voicemode.http_client.body import parsed
from voicemode.speech.base import Listed
from voicemode.speech.openai.catalogue import names
from voicemode.speech.openai.wire import Timeouts, Wire

log = logging.getLogger(__name__)

LOOKUP_SECONDS = 0.8
"""A list of voices or models that takes longer is not worth waiting for in a turn."""
LOOKUP_AGAIN_SECONDS = 60.0
"""Seconds before a server that was too slow with a list is asked for one again."""


class EndpointListing:
    """The lists of one endpoint, by path: "models" or "audio/voices"."""

    def __init__(self, wire: Wire, clock: Callable[[], float]) -> None:
        self.known: dict[str, Listed] = {}
        self._wire = wire
        connect_seconds = wire.limits.connect_seconds
        self._limits = Timeouts(connect_seconds, LOOKUP_SECONDS, LOOKUP_SECONDS, max(connect_seconds, LOOKUP_SECONDS))
        self._clock = clock
        self._not_before = 0.0
        """Clock time from which lists can be requested again, after one was too slow."""
        self._lock = asyncio.Lock()

    async def get(self, path: str) -> Listed:
        """Return the names in the list at `path`, None if there is none; retried until the endpoint responds.

        Raises NoConnectionError, since other requests would fail as well; any other failure is None.
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
            # A server that was slow once may be quick the next time; one that always hangs must not delay every turn.
            self._not_before = self._clock() + LOOKUP_AGAIN_SECONDS
            return
        except ProviderError as error:
            if error.transient:
                # The server may still be starting: the next turn tries again.
                return
        if found is None:
            log.debug("%s has no usable list of %s", self._wire.endpoint, path)
        self.known[path] = found
