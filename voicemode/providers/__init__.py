"""Which speech service answers, and what happens when one does not."""

from voicemode.providers.failover import Providers
from voicemode.providers.ondemand import OnDemand
from voicemode.providers.provider import Account, Distance, EndpointSource, Failure, Provider, distance_of
from voicemode.providers.session import ProviderSession

__all__ = [
    "Account",
    "Distance",
    "EndpointSource",
    "Failure",
    "OnDemand",
    "Provider",
    "ProviderSession",
    "Providers",
    "distance_of",
]
