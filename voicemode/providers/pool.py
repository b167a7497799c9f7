"""All endpoints for one job, and the probes that find out whether those that failed are well again."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from voicemode.errors import NoProviderError, ProviderError, UnsuitableError, VoiceModeError
from voicemode.providers.account import Account
from voicemode.providers.choice import ANYTHING, Wanted, in_order, why
from voicemode.providers.member import Attempt, Member
from voicemode.providers.provider import Provider
from voicemode.providers.race import JOBS, Hedge, Race, Request
from voicemode.speech.base import Kind, Offer, Serving, Tell

log = logging.getLogger(__name__)

S = TypeVar("S", bound=Serving)
T = TypeVar("T")

LEAST_REST_SECONDS = 0.2
"""Between two probes, whatever an endpoint says of when to come back."""


class Pool(Generic[S]):
    """The endpoints for one job, best first. Only ProviderError fails over, a bug does not."""

    def __init__(
        self, kind: Kind, providers: Sequence[Provider[S]], hedge: Hedge, probe: Callable[[Provider[S]], Awaitable[object]]
    ) -> None:
        """`probe` asks an endpoint for something small; raises ProviderError if it is still not well."""
        self.kind = kind
        self.members = [Member(provider) for provider in providers]
        self._hedge = hedge
        self._probe = probe
        self._probes: dict[Member[S], asyncio.Task[None]] = {}
        self._met: dict[Member[S], asyncio.Task[None]] = {}

    def update(self, providers: Sequence[Provider[S]]) -> None:
        """From now on these, best first; who was there before keeps what is known of it."""
        known = {member.name: member for member in self.members}
        self.members = [known.get(provider.name) or Member(provider) for provider in providers]
        for member, provider in zip(self.members, providers, strict=True):
            member.provider = provider

    def order(self, wanted: Wanted = ANYTHING) -> list[Member[S]]:
        """Whom the next request would ask, best first."""
        return in_order(self.members, wanted)

    async def stream(
        self, request: Request[S, T], wanted: Wanted, account: Account
    ) -> AsyncGenerator[tuple[Member[S], T], None]:
        """The items of an answer, each with who gave it.

        Raises NoProviderError if nobody begins to answer, and the ProviderError of whoever breaks off.
        """
        members = self.order(wanted)
        if members:
            account.why[self.kind] = why(members[0], self.members, wanted)
        attempt: Attempt[S, T] | None = None
        try:
            attempt = await Race(members, request, account, self._hedge).winner()
            if attempt.member is not members[0]:
                account.why[self.kind] = "the others before it did not answer, or not in their usual time"
            async for item in attempt.items():
                yield attempt.member, item
        finally:
            if attempt is not None:
                await attempt.end()
            self.look_after(members)

    async def learn(self) -> None:
        """Ask those of whom it is not known what they have. Never fails."""
        unknown = [member.provider.speech for member in self.members if member.provider.speech.offer == Offer()]
        await asyncio.gather(*(speech.learn() for speech in unknown))

    async def warm_up(self, tell: Tell) -> None:
        """Get the one ready that the next turn will ask. Raises VoiceModeError.

        A server of our own is waited for while it loads its engine. Another is got to know in the background: no turn waits
        for that, and one that is down is found out before a turn asks it.
        """
        if not self.members:
            raise NoProviderError(JOBS[self.kind], [])
        best = self.order()[0]
        if best.provider.on_demand:
            await best.provider.speech.warm_up(tell)
        elif best not in self._met:
            self._met[best] = asyncio.create_task(self._meet(best))

    async def close(self) -> None:
        """End what goes on in the background."""
        tasks = [*self._probes.values(), *self._met.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def look_after(self, members: Sequence[Member[S]]) -> None:
        """Begin to probe those that have failed."""
        for member in members:
            if member.breaker.failures and member not in self._probes:
                task = self._probes[member] = asyncio.create_task(self._until_well(member))
                task.add_done_callback(lambda _, member=member: self._probes.pop(member, None))  # type: ignore[misc]

    async def _meet(self, member: Member[S]) -> None:
        try:
            await member.provider.speech.check()
            await member.provider.speech.warm_up(log.debug)
        except ProviderError as error:
            member.breaker.failed(error)
            self.look_after([member])

    async def _until_well(self, member: Member[S]) -> None:
        """Probe after each rest, so that no person's turn has to find out."""
        while member in self.members and member.breaker.failures:
            await asyncio.sleep(max(LEAST_REST_SECONDS, member.breaker.resting_seconds))
            if member.breaker.failures and not member.breaker.resting_seconds:
                await self._probed(member)

    async def _probed(self, member: Member[S]) -> None:
        member.breaker.probed()
        try:
            await self._probe(member.provider)
        except UnsuitableError:
            # It is there, and says what it does not do.
            member.breaker.succeeded()
        except ProviderError as error:
            member.breaker.failed(error)
        except VoiceModeError as error:
            member.breaker.failed(ProviderError(error.message, transient=True, hint=error.hint))
        else:
            log.info("%s is well again.", member.name)
            member.breaker.succeeded()
