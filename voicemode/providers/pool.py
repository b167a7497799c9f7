"""The endpoints for one job, and the probes that notice when a failed one has recovered."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar

from voicemode.errors import NoProviderError, ProviderError, UnsuitableError, VoiceModeError
from voicemode.progress import Report, nobody
from voicemode.providers.choice import ANYTHING, Wanted, in_order, why
from voicemode.providers.member import Attempt, Member
from voicemode.providers.provider import Account, Provider
from voicemode.providers.race import JOBS, Hedge, Race, RacedRequest
from voicemode.speech.base import Kind, Offer, Serving
from voicemode.tasks import ended

log = logging.getLogger(__name__)

S = TypeVar("S", bound=Serving)
T = TypeVar("T")

LEARN_AGAIN_SECONDS = 60.0
"""Seconds before an endpoint that has not listed its offer is asked again, so that not every turn waits for it."""


class Pool(Generic[S]):
    """The endpoints for one job, best first. Only a ProviderError causes failover, a bug does not."""

    def __init__(
        self, kind: Kind, providers: Sequence[Provider[S]], hedge: Hedge, probe: Callable[[S], Awaitable[object]]
    ) -> None:
        """`probe` has an endpoint do a little work, and raises ProviderError if it still fails."""
        self.kind = kind
        self.members = [Member(provider) for provider in providers]
        self._hedge = hedge
        self._probe = probe
        self._probes: dict[Member[S], asyncio.Task[None]] = {}
        self._met: dict[Member[S], asyncio.Task[None]] = {}
        self._closed = False

    def update(self, providers: Sequence[Provider[S]]) -> None:
        """Replace the providers, best first; those already present keep their health and latencies."""
        known = {member.name: member for member in self.members}
        self.members = [known.get(provider.name) or Member(provider) for provider in providers]
        for member, provider in zip(self.members, providers, strict=True):
            member.provider = provider

    def order(self, wanted: Wanted = ANYTHING) -> list[Member[S]]:
        """Return the members in the order of the next request, best first."""
        return in_order(self.members, wanted)

    def best(self, wanted: Wanted = ANYTHING) -> Member[S] | None:
        """Return the member that the next request would try first; None if there is none."""
        return next(iter(self.order(wanted)), None)

    async def stream(
        self, request: RacedRequest[S, T], wanted: Wanted, account: Account
    ) -> AsyncGenerator[tuple[Member[S], T], None]:
        """Yield the items of a response, each with the member that sent it.

        Raises NoProviderError if no endpoint begins to respond, and the ProviderError of one that breaks off.
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
            self.look_after(members)
            if attempt is not None:
                await attempt.end()

    async def learn(self) -> None:
        """Request the offer of each member where it is unknown, unless that was tried in the last minute. Never fails."""
        unknown = [member for member in self.members if _worth_learning(member)]
        for member in unknown:
            member.learn_at = member.clock() + LEARN_AGAIN_SECONDS
        await asyncio.gather(*(member.provider.speech.learn() for member in unknown))

    async def check(self, member: Member[S]) -> str:
        """Check an endpoint. Raises ProviderError; if it is transient, others are tried first from now on."""
        try:
            return await member.provider.speech.check()
        except ProviderError as error:
            # An endpoint that refuses to list its offer, or has no list, may still do its work.
            if error.transient:
                member.breaker.failed(error)
                self.look_after([member])
            raise

    async def warm_up(self, report: Report) -> None:
        """Get the endpoint ready that the next turn will try first. Raises VoiceModeError.

        Wait while a server of our own loads its engine. Any other is checked in the background: no turn waits for that, and
        one that is down is noticed before a turn tries it.
        """
        best = self.best()
        if best is None:
            raise NoProviderError(JOBS[self.kind], [])
        if best.provider.on_demand:
            await best.provider.speech.warm_up(report)
        elif best not in self._met:
            self._met[best] = asyncio.create_task(self._meet(best))

    async def close(self) -> None:
        """Cancel the background tasks and start no more."""
        self._closed = True
        await ended(*self._probes.values(), *self._met.values())

    def look_after(self, members: Sequence[Member[S]]) -> None:
        """Start probing members that have failed; stop probing those that have recovered."""
        for member in members:
            if not member.breaker.ailing:
                if probe := self._probes.pop(member, None):
                    probe.cancel()
            elif member not in self._probes and not self._closed:
                task = self._probes[member] = asyncio.create_task(self._until_well(member))
                task.add_done_callback(partial(self._ended, member))

    def _ended(self, member: Member[S], probe: asyncio.Task[None]) -> None:
        if self._probes.get(member) is probe:
            del self._probes[member]

    async def _meet(self, member: Member[S]) -> None:
        with suppress(ProviderError):
            await self.check(member)
            await member.provider.speech.warm_up(nobody)

    async def _until_well(self, member: Member[S]) -> None:
        """Probe after each rest until the member recovers, so that no person's turn has to find out."""
        while member in self.members and member.breaker.ailing:
            await asyncio.sleep(member.breaker.resting_seconds)
            if member.breaker.ailing and not member.breaker.resting_seconds:
                member.breaker.probed()
                await (self._reach(member) if member.provider.paid else self._try_out(member))

    async def _reach(self, member: Member[S]) -> None:
        """Check that a paid endpoint is reachable again, without having it do paid work."""
        try:
            await self.check(member)
        except ProviderError as error:
            if error.transient:
                return
        member.breaker.reached()

    async def _try_out(self, member: Member[S]) -> None:
        """Probe an endpoint with a little real work."""
        try:
            await self._probe(member.provider.speech)
        except UnsuitableError:
            # The endpoint is up, and says what it cannot do.
            member.breaker.succeeded()
        except ProviderError as error:
            member.breaker.failed(error)
        except VoiceModeError as error:
            member.breaker.failed(ProviderError(error.message, transient=True, hint=error.hint))
        else:
            log.info("%s is well again.", member.name)
            member.breaker.succeeded()


def _worth_learning(member: Member[S]) -> bool:
    """True if the offer is unknown and can be requested now."""
    return member.provider.speech.offer == Offer() and member.breaker.trusted and member.clock() >= member.learn_at
