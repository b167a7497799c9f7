"""One speech endpoint among several, and the record of a turn's requests."""

from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import ip_address
from typing import Generic, TypeVar

from voicemode.config.urls import Address
from voicemode.speech.base import Kind, Serving

S_co = TypeVar("S_co", bound=Serving, covariant=True)


class EndpointSource(IntEnum):
    """Origin of an endpoint; a lower value is preferred."""

    USER = 0
    LOCAL = 1
    """Found running on this machine, or started by us on demand."""
    CLOUD = 2


class Distance(IntEnum):
    """Distance of an endpoint: how far the data sent to it travels."""

    MACHINE = 0
    NETWORK = 1
    """A private address: the person's own network."""
    INTERNET = 2


def distance_of(url: str) -> Distance:
    """Return the distance of the host of `url`, judged by its name without a lookup. Raises ValueError for an invalid URL.

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
    """Display name: the endpoint's URL."""
    kind: Kind
    speech: S_co
    source: EndpointSource = EndpointSource.USER
    place: Distance = Distance.MACHINE
    paid: bool = False
    """True if requests cost money: the cloud, or a key that is sent over the internet."""
    sends_key: bool = False
    on_demand: bool = False
    """True if the server is our own: started on demand, and waited for while it loads its engine."""
    runs: bool = False
    """True if the server was found running, so that a request need not start it."""


@dataclass(frozen=True, slots=True)
class Failure:
    kind: Kind
    provider: str
    reason: str


@dataclass(slots=True)
class Account:
    """Record of a turn, for the agent: the providers that spoke and transcribed, and the failures."""

    spoke: list[str] = field(default_factory=list)
    """Names of the providers that spoke, in order, each once."""
    transcribed: str = ""
    """Name of the provider that transcribed."""
    why: dict[Kind, str] = field(default_factory=dict)
    """Reason for the choice: "the first of your endpoints", "it has the voice af_sky", "it runs already"."""
    failures: list[Failure] = field(default_factory=list)
    """Failed attempts, in order."""
    notes: list[str] = field(default_factory=list)
    """Notes on requirements that were not met: another voice, another model."""
    unheard: list[str] = field(default_factory=list)
    """Sentences that broke off or were not spoken; none is started again, so that nothing is heard twice."""

    def spoken_by(self, provider: str) -> None:
        if provider not in self.spoke:
            self.spoke.append(provider)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
