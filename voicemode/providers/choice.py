"""Order in which endpoints are tried, and the reason for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from voicemode.errors import Remedy, unnamed
from voicemode.providers.breaker import BreakerState
from voicemode.providers.member import Member
from voicemode.providers.provider import Distance, EndpointSource, Provider
from voicemode.speech.base import Kind, Listed, Offer, Serving
from voicemode.speech.openai.catalogue import has_voice

S = TypeVar("S", bound=Serving)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Requirements that a request names; empty means any. Mere preferences in the settings are not requirements."""

    model: str = ""
    voice: str = ""
    language: str = ""


ANYTHING = Wanted()


def groups(providers: Iterable[Provider[S]]) -> list[int]:
    """Return the number of the load-sharing group of each of `providers`, which are sorted best first.

    A paid provider shares its group with no other: it is used only when the others fail.
    """
    numbers: list[int] = []
    before: Provider[S] | None = None
    for provider in providers:
        together = before is not None and before.source == provider.source and not (before.paid or provider.paid)
        numbers.append((numbers[-1] if together else len(numbers)) if numbers else 0)
        before = provider
    return numbers


def in_order(members: Sequence[Member[S]], wanted: Wanted = ANYTHING) -> list[Member[S]]:
    """Return the endpoints to try, best first.

    Healthy endpoints come before failing ones, those that meet the requirements before those that do not, the user's before
    local before cloud; within a group, the least busy. Ties go by configured order, among local endpoints by latency.
    """
    keyed = [
        (
            _ailing(member),
            lacking(member.provider.speech.offer, wanted),
            group,
            member.outstanding,
            _rest(member, index),
            member,
        )
        for index, (member, group) in enumerate(zip(members, groups(m.provider for m in members), strict=True))
    ]
    return [key[-1] for key in sorted(keyed, key=lambda key: key[:-1])]


def _ailing(member: Member[S]) -> int:
    if member.breaker.trusted:
        return 0
    return 1 if member.breaker.state is BreakerState.CLOSED else 2


def _rest(member: Member[S], index: int) -> tuple[bool, float, int]:
    if member.provider.source is not EndpointSource.LOCAL:
        return (False, 0.0, index)
    # An endpoint that has to be started comes after those that run.
    return (not member.awake, member.latencies.percentile(0.5) or 0.0, index)


def lacking(offer: Offer, wanted: Wanted) -> int:
    """Score what an endpoint lacks of `wanted`: 2 for each item it does not have, 1 for each it does not list."""
    return (
        _lacks(wanted.model, offer.models)
        + _lacks(wanted.language, offer.languages)
        + (2 * (not has_voice(wanted.voice, offer.voices)) if wanted.voice and offer.voices else bool(wanted.voice))
    )


def _lacks(name: str, listed: Listed) -> int:
    if not name:
        return 0
    return 1 if listed is None else 2 * (name not in listed)


def why(chosen: Member[S], members: Sequence[Member[S]], wanted: Wanted = ANYTHING) -> str:
    """Explain in words why `chosen` is tried first."""
    before = [member for member in members[: members.index(chosen)] if member is not chosen]
    if failing := next((member for member in before if not member.breaker.trusted), None):
        reason = unnamed(failing.name, failing.breaker.last_error) or "it is asked too often"
        return f"{failing.name} is left alone for now: {reason}"
    offer = chosen.provider.speech.offer
    if any(lacking(member.provider.speech.offer, wanted) > lacking(offer, wanted) for member in before):
        return f"it has {_words(wanted)}"
    if before and chosen.awake and not all(member.awake for member in before):
        return "it runs already"
    if before:
        return "it has less to do" if any(m.outstanding > chosen.outstanding for m in before) else "it is the quickest"
    return _ORIGINS[chosen.provider.source]


_ORIGINS = {
    EndpointSource.USER: "the first of your endpoints",
    EndpointSource.LOCAL: "it is on this machine",
    EndpointSource.CLOUD: "nothing else is configured",
}


def _words(wanted: Wanted) -> str:
    named = {"the model": wanted.model, "the voice": wanted.voice, "the language": wanted.language}
    return " and ".join(f"{what} {name}" for what, name in named.items() if name)


def missing(offer: Offer, wanted: Wanted) -> list[str]:
    """List the parts of `wanted` that an endpoint certainly does not have."""
    found = []
    if wanted.model and offer.models and wanted.model not in offer.models:
        found.append(f"model {wanted.model}")
    if wanted.voice and offer.voices and not has_voice(wanted.voice, offer.voices):
        found.append(f"voice {wanted.voice}")
    if wanted.language and offer.languages and wanted.language not in offer.languages:
        found.append(f"language {wanted.language}")
    return found


SOURCES = {EndpointSource.USER: "yours", EndpointSource.LOCAL: "local", EndpointSource.CLOUD: "cloud"}
PLACES = {Distance.MACHINE: "this machine", Distance.NETWORK: "your network", Distance.INTERNET: "the internet"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    kind: Kind
    name: str
    source: str
    """Origin of the endpoint: yours, local, cloud."""
    place: str
    """Destination of requests: this machine, your network, the internet."""
    paid: bool
    sends_key: bool
    state: str
    """State of the circuit breaker: closed, open, half-open."""
    resting_seconds: float
    """Seconds until the endpoint is tried again."""
    failures: int
    """Consecutive failures."""
    last_error: str
    remedy: Remedy
    """Remedy for the last error."""
    requests: int
    errors: int
    hedged: int
    """Requests also sent to another endpoint because this one was slow."""
    outstanding: int
    p50_seconds: float | None
    """Median latency of a response's first item; for speech-to-text, of the transcript of a short utterance."""
    p95_seconds: float | None
    offer: Offer
    format: str
    """Format of the audio exchanged with the endpoint."""
    chosen: bool
    """True if the next turn tries this endpoint first."""
    why: str
    """Reason for the choice; empty if not chosen."""


def rows(kind: Kind, ranked: Sequence[Member[S]], members: Sequence[Member[S]]) -> list[Row]:
    """Return a row for each of `ranked`, best first; `members` are in configured order."""
    return [_row(kind, member, why(member, members) if member is ranked[0] else "") for member in ranked]


def _row(kind: Kind, member: Member[S], why: str) -> Row:
    provider, breaker, latencies = member.provider, member.breaker, member.latencies
    return Row(
        kind=kind,
        name=member.name,
        source=SOURCES[provider.source],
        place=PLACES[provider.place],
        paid=provider.paid,
        sends_key=provider.sends_key,
        state=breaker.state.value,
        resting_seconds=round(breaker.resting_seconds, 1),
        failures=breaker.failures,
        last_error=breaker.last_error,
        remedy=breaker.remedy,
        requests=member.requests,
        errors=member.errors,
        hedged=member.hedged,
        outstanding=member.outstanding,
        p50_seconds=latencies.percentile(0.5),
        p95_seconds=latencies.percentile(0.95),
        offer=provider.speech.offer,
        format=provider.speech.format,
        chosen=bool(why),
        why=why,
    )
