"""One speech endpoint among several, and what is known of it."""

from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import ip_address
from typing import Generic, TypeVar

from voicemode.config.urls import Address
from voicemode.speech.base import Kind, Serving

S_co = TypeVar("S_co", bound=Serving, covariant=True)


class EndpointSource(IntEnum):
    """Who named an endpoint; the lower, the more it is preferred."""

    USER = 0
    LOCAL = 1
    """Found running on this machine, or started by us on demand."""
    CLOUD = 2


class Distance(IntEnum):
    """Distance of an endpoint: what leaves the machine, and how far it goes."""

    MACHINE = 0
    NETWORK = 1
    """A private address: the person's own network."""
    INTERNET = 2


def distance_of(url: str) -> Distance:
    """Where the host of `url` is, as far as its name tells; nothing is looked up. Raises ValueError for what is no URL.

    In doubt it is the internet: a host that is nearer than it looks costs a key or a little speed, never privacy.
    """
    address = Address.parse(url)
    if address.is_here:
        return Distance.MACHINE
    try:
        ip = ip_address(address.host)
    except ValueError:
        return Distance.NETWORK if address.host.endswith(".local") else Distance.INTERNET
    return Distance.NETWORK if (getattr(ip, "ipv4_mapped", None) or ip).is_private else Distance.INTERNET


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider(Generic[S_co]):
    name: str
    """As shown to people: the endpoint's URL."""
    kind: Kind
    speech: S_co
    source: EndpointSource = EndpointSource.USER
    place: Distance = Distance.MACHINE
    paid: bool = False
    """True if its use costs money: the cloud, or a key that is sent over the internet."""
    sends_key: bool = False
    on_demand: bool = False
    """True if its server is ours: started when it is needed, and waited for while it loads its engine."""
    runs: bool = False
    """True if it was found running, so that asking it starts nothing."""


@dataclass(frozen=True, slots=True)
class Failure:
    kind: Kind
    provider: str
    reason: str


@dataclass(slots=True)
class Account:
    """Filled in while a turn goes on; the agent is told from it who spoke, who listened, and what went wrong."""

    spoke: list[str] = field(default_factory=list)
    """Names of the providers that spoke, in order, each once."""
    transcribed: str = ""
    """Name of the provider that transcribed."""
    why: dict[Kind, str] = field(default_factory=dict)
    """Why that one: "your first URL", "the only one that has the voice af_sky", "http://… failed"."""
    failures: list[Failure] = field(default_factory=list)
    """Attempts that came to nothing, in order."""
    notes: list[str] = field(default_factory=list)
    """Wishes that were not met: another voice, another model."""
    unheard: list[str] = field(default_factory=list)
    """Sentences that broke off; they are not begun again, so that nothing is said twice."""

    def spoken_by(self, provider: str) -> None:
        if provider not in self.spoke:
            self.spoke.append(provider)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
