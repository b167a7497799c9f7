"""Rows about endpoints, as data: for people, for `doctor`, for metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from voicemode.providers.choice import why
from voicemode.providers.member import Member
from voicemode.providers.provider import Distance, EndpointSource
from voicemode.speech.base import Kind, Offer, Serving

S = TypeVar("S", bound=Serving)

SOURCES = {EndpointSource.USER: "yours", EndpointSource.LOCAL: "local", EndpointSource.CLOUD: "cloud"}
PLACES = {Distance.MACHINE: "this machine", Distance.NETWORK: "your network", Distance.INTERNET: "the internet"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    kind: Kind
    name: str
    source: str
    """Who named it: yours, local, cloud."""
    place: str
    """Where what is sent goes: this machine, your network, the internet."""
    paid: bool
    sends_key: bool
    state: str
    """Of its breaker: closed, open, half-open."""
    resting_seconds: float
    """Until it is asked again."""
    failures: int
    """In a row."""
    last_error: str
    requests: int
    errors: int
    hedged: int
    """Times another was asked as well, because this one was slow."""
    outstanding: int
    p50_seconds: float | None
    """Until it begins to answer; to transcribe, for a short utterance."""
    p95_seconds: float | None
    offer: Offer
    format: str
    """Of the audio that is exchanged with it."""
    chosen: bool
    """True if the next turn asks it first."""
    why: str
    """Why that is so; empty where it is not."""


def rows(kind: Kind, ranked: Sequence[Member[S]], members: Sequence[Member[S]]) -> list[Row]:
    """`ranked`, best first, of `members`, as configured."""
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
